#include "tools/eyectl/monitors_command.h"

#include <fmt/format.h>

#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/enum_name.h"
#include "tools/eyectl/message_json.h"
#include "tools/eyectl/table.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

// All pages; a server that never stops is cut off.
constexpr int kMaxPages = 1000;

std::string Rejected(const v1::MonitorLink& link) {
  std::string out;
  for (const v1::RejectedCount& r : link.rejected()) {
    out +=
        fmt::format("{}{} {}", out.empty() ? "" : ", ", r.count(), EscapeForTerminal(r.reason()));
  }
  return out.empty() ? "-" : out;
}

}  // namespace

std::string MonitorsText(const google::protobuf::RepeatedPtrField<v1::MonitorLink>& monitors) {
  if (monitors.empty()) return "this gateway dials no monitor\n";
  Table table({"MONITOR", "STATE", "ADDRESS", "RECEIVED", "POSITION", "GAPS", "LOST", "REJECTED",
               "RECONNECTS", "LAST ERROR"});
  for (const v1::MonitorLink& m : monitors) {
    table.Add({EscapeForTerminal(m.name()), EnumName(m.state()), EscapeForTerminal(m.address()),
               std::to_string(m.received()), std::to_string(m.position().sequence()),
               std::to_string(m.gaps()), std::to_string(m.lost_events()), Rejected(m),
               std::to_string(m.reconnects()),
               m.last_error().empty() ? "-" : EscapeForTerminal(m.last_error())});
  }
  return table.ToString();
}

void MonitorsCommand::AddFlags(FlagSet& flags) {
  flags.AddBool("json", "the whole answer as JSON", &json_);
}

absl::StatusOr<int> MonitorsCommand::Run(Session& session) {
  const auto stub = v1::GatewayService::NewStub(session.connection.channel());
  v1::ListMonitorsResponse all;
  v1::ListMonitorsRequest request;
  for (int page = 0; page < kMaxPages; ++page) {
    grpc::ClientContext context;
    SetTimeout(context, kUnaryTimeout);
    const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
    v1::ListMonitorsResponse response;
    const grpc::Status status = stub->ListMonitors(&context, request, &response);
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
      return absl::UnimplementedError(fmt::format("{} is not a gateway: it has no monitors",
                                                  EscapeForTerminal(session.connection.address())));
    }
    RETURN_IF_ERROR(session.connection.ToStatus(status));
    all.mutable_monitors()->MergeFrom(response.monitors());
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  RETURN_IF_ERROR(
      session.out.Write(json_ ? MessageJson(all, true) + "\n" : MonitorsText(all.monitors())));
  return 0;
}

}  // namespace daemoneye::eyectl
