#include "tools/eyectl/status_command.h"

#include <fmt/format.h>

#include "absl/time/time.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/enum_name.h"
#include "tools/eyectl/event_detail.h"
#include "tools/eyectl/message_json.h"
#include "tools/eyectl/table.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                          absl::LocalTimeZone());
}

std::string SourcesText(const v1::GetStatusResponse& status) {
  Table table({"SOURCE", "STATE", "OBSERVED", "RESTARTS", "LAST SCAN", "DETAIL"});
  for (const v1::SourceHealth& s : status.sources()) {
    std::string scan = "-";
    if (s.has_last_scan_read()) {
      scan = fmt::format("{} of {} in {}", s.last_scan_read(), s.last_scan_total(),
                         ShortDuration(s.last_scan_duration()));
    }
    table.Add({EscapeForTerminal(s.name()), EnumName(s.state()), std::to_string(s.observed()),
               std::to_string(s.restarts()), scan, EscapeForTerminal(s.detail())});
  }
  return table.empty() ? "no sources\n" : table.ToString();
}

// What a server may do beyond its user; nothing from one that does not tell.
std::string PrivilegesText(const v1::GetStatusResponse& status) {
  if (!status.has_privileges()) return "";
  const v1::Privileges& p = status.privileges();
  std::string names;
  for (const std::string& name : p.capabilities()) {
    names += (names.empty() ? "" : ", ") + EscapeForTerminal(name);
  }
  return fmt::format("user {}, capabilities: {}; {} gain more\n", p.user_id(),
                     names.empty() ? "none" : names, p.no_new_privileges() ? "cannot" : "may");
}

std::string AccountingText(const v1::Accounting& a, const Style& style) {
  uint64_t dropped = 0;
  for (const v1::DroppedCount& d : a.dropped()) dropped += d.count();
  std::string out = fmt::format(
      "observed {} = published {} + filtered {} + dropped {}{}; {} notices\n", a.observed(),
      a.published(), a.filtered(), dropped,
      a.observed() == a.published() + a.filtered() + dropped ? "" : " + on the way", a.notices());
  for (const v1::DroppedCount& d : a.dropped()) {
    if (d.count() == 0) continue;
    out += style.Paint(Tone::kAlarm,
                       fmt::format("  dropped at {}, {}: {}", EscapeForTerminal(d.stage()),
                                   EscapeForTerminal(d.reason()), d.count())) +
           "\n";
  }
  Table table({"SUBSCRIBER", "DELIVERED", "QUEUED", "FILTERED", "DROPPED"});
  for (const v1::SubscriberAccount& s : a.subscribers()) {
    table.Add({s.client_id().empty() ? "(no name)" : EscapeForTerminal(s.client_id()),
               std::to_string(s.delivered()), std::to_string(s.queued()),
               std::to_string(s.filtered()), std::to_string(s.dropped())});
  }
  return table.empty() ? out : out + "\n" + table.ToString();
}

std::string ConfigText(const v1::GetStatusResponse& status) {
  Table table({"SETTING", "VALUE", "FROM"});
  for (const v1::ConfigValue& c : status.config()) {
    table.Add(
        {EscapeForTerminal(c.name()), EscapeForTerminal(c.value()), EscapeForTerminal(c.origin())});
  }
  return fmt::format("configuration, generation {}\n{}", status.config_generation(),
                     table.ToString());
}

}  // namespace

std::string StatusText(const v1::GetStatusResponse& status, bool config, const Style& style) {
  std::string out =
      fmt::format("{}@{}  version {}  since {}  stream {}\n", EscapeForTerminal(status.monitor()),
                  EscapeForTerminal(status.host()), EscapeForTerminal(status.version()),
                  TimeText(status.started_at()), EscapeForTerminal(status.stream_id()));
  out +=
      status.ready() ? style.Paint(Tone::kGood, "ready") : style.Paint(Tone::kAlarm, "NOT READY");
  out += "\n";
  for (const std::string& problem : status.problems()) {
    out += style.Paint(Tone::kWarning, "  " + EscapeForTerminal(problem)) + "\n";
  }
  out += PrivilegesText(status);
  out += "\n" + SourcesText(status) + "\n" + AccountingText(status.accounting(), style);
  if (config) out += "\n" + ConfigText(status);
  return out;
}

void StatusCommand::AddFlags(FlagSet& flags) {
  flags.AddBool("json", "the whole answer as JSON", &json_);
  flags.AddBool("config", "also each setting and where its value came from", &config_);
}

absl::StatusOr<int> StatusCommand::Run(Session& session) {
  const auto stub = v1::MonitorService::NewStub(session.connection.channel());
  grpc::ClientContext context;
  SetTimeout(context, kUnaryTimeout);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  v1::GetStatusResponse status;
  RETURN_IF_ERROR(session.connection.ToStatus(stub->GetStatus(&context, {}, &status)));
  RETURN_IF_ERROR(session.out.Write(json_ ? MessageJson(status, true) + "\n"
                                          : StatusText(status, config_, session.style)));
  return 0;
}

}  // namespace daemoneye::eyectl
