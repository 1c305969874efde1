#include "tools/eyectl/alert_print.h"

#include <fmt/format.h>

#include <iterator>
#include <map>

#include "absl/time/time.h"
#include "libs/base/text.h"
#include "tools/eyectl/enum_name.h"
#include "tools/eyectl/table.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

std::string TimeText(const google::protobuf::Timestamp& time, const char* format) {
  return absl::FormatTime(format,
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::LocalTimeZone());
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : EscapeForTerminal(text); }

const std::string& RuleOf(const v1::Alert& alert) {
  return alert.trigger_id().empty() ? alert.workflow_id() : alert.trigger_id();
}

Tone ToneOf(v1::Severity severity) {
  if (severity >= v1::SEVERITY_HIGH) return Tone::kAlarm;
  return severity == v1::SEVERITY_MEDIUM ? Tone::kWarning : Tone::kPlain;
}

void AddLine(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty()) fmt::format_to(std::back_inserter(out), "    {:<11} {}\n", name, text);
}

std::string ProcessText(const v1::Alert& alert) {
  std::string out = EscapeForTerminal(alert.process_name());
  if (alert.has_pid()) out += fmt::format("{}pid {}", out.empty() ? "" : ", ", alert.pid());
  if (!alert.executable_path().empty()) {
    out += fmt::format("{}{}", out.empty() ? "" : ", ", EscapeForTerminal(alert.executable_path()));
  }
  if (!alert.host().empty()) {
    out += fmt::format("{}on {}", out.empty() ? "" : ", ", EscapeForTerminal(alert.host()));
  }
  return out;
}

}  // namespace

std::string AlertsTable(const google::protobuf::RepeatedPtrField<v1::Alert>& alerts) {
  if (alerts.empty()) return "no alerts\n";
  Table table({"NUMBER", "TIME", "SEVERITY", "TITLE", "RULE", "HOST", "PROCESS", "PID", "STATE",
               "SUPPRESSED", "ID"});
  for (const v1::Alert& a : alerts) {
    table.Add({std::to_string(a.sequence()), TimeText(a.time(), "%Y-%m-%d %H:%M:%S"),
               EnumName(a.severity()), OrDash(a.title()), OrDash(RuleOf(a)), OrDash(a.host()),
               OrDash(a.process_name()), a.has_pid() ? std::to_string(a.pid()) : "-",
               EnumName(a.state()), std::to_string(a.suppressed()), OrDash(a.id())});
  }
  return table.ToString();
}

std::string DeadLettersTable(const google::protobuf::RepeatedPtrField<v1::DeadLetter>& letters) {
  if (letters.empty()) return "no dead letters\n";
  Table table({"SINK", "NUMBER", "QUEUED", "TRIES", "SEVERITY", "TITLE", "ERROR", "ID"});
  for (const v1::DeadLetter& letter : letters) {
    const v1::Alert& a = letter.alert();
    table.Add({OrDash(letter.sink()), std::to_string(a.sequence()),
               TimeText(letter.queued_at(), "%Y-%m-%d %H:%M:%S"), std::to_string(letter.attempts()),
               EnumName(a.severity()), OrDash(a.title()), OrDash(letter.last_error()),
               OrDash(a.id())});
  }
  return table.ToString();
}

std::string AlertBlock(const v1::Alert& alert, const Style& style) {
  std::string out = fmt::format("{} {} alert {}: {}\n",
                                style.Paint(Tone::kDim, TimeText(alert.time(), "%H:%M:%E3S")),
                                style.Paint(ToneOf(alert.severity()), EnumName(alert.severity())),
                                alert.sequence(), EscapeForTerminal(alert.title()));
  AddLine(out, "rule", EscapeForTerminal(RuleOf(alert)));
  AddLine(out, "process", ProcessText(alert));
  AddLine(out, "key", EscapeForTerminal(alert.process_key()));
  for (const v1::Origin& origin : alert.evidence()) {
    AddLine(out, "evidence",
            fmt::format("event {} of {} on {} (stream {})", origin.sequence(),
                        EscapeForTerminal(origin.monitor()), EscapeForTerminal(origin.host()),
                        EscapeForTerminal(origin.stream_id())));
  }
  for (const std::string& id : alert.attack_ids()) AddLine(out, "attack", EscapeForTerminal(id));
  // In the order of their names.
  for (const auto& [name, value] :
       std::map<std::string, std::string>(alert.details().begin(), alert.details().end())) {
    AddLine(out, "detail",
            fmt::format("{} = {}", EscapeForTerminal(name), EscapeForTerminal(value)));
  }
  if (alert.suppressed() > 0) {
    AddLine(out, "suppressed", fmt::format("{} like it, since the last one", alert.suppressed()));
  }
  for (const std::string& reason : alert.completeness().reasons()) {
    AddLine(out, "incomplete", EscapeForTerminal(reason));
  }
  if (alert.state() == v1::ALERT_STATE_ACKNOWLEDGED) {
    AddLine(out, "seen by",
            fmt::format("{}{}{}", EscapeForTerminal(alert.acknowledged_by()),
                        alert.comment().empty() ? "" : ": ", EscapeForTerminal(alert.comment())));
  }
  AddLine(out, "id", EscapeForTerminal(alert.id()));
  return out;
}

}  // namespace daemoneye::eyectl
