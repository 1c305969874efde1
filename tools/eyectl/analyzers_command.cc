#include "tools/eyectl/analyzers_command.h"

#include <fmt/format.h>

#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/message_json.h"
#include "tools/eyectl/workflow_text.h"

namespace daemoneye::eyectl {
namespace {

// All pages; a server that never stops is cut off.
constexpr int kMaxPages = 1000;

}  // namespace

void AnalyzersCommand::AddFlags(FlagSet& flags) {
  flags.AddBool("json", "the whole answer as JSON", &json_);
}

absl::StatusOr<int> AnalyzersCommand::Run(Session& session) {
  const auto stub = v1::GatewayService::NewStub(session.connection.channel());
  v1::ListAnalyzersResponse all;
  v1::ListAnalyzersRequest request;
  for (int page = 0; page < kMaxPages; ++page) {
    grpc::ClientContext context;
    SetTimeout(context, kUnaryTimeout);
    const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
    v1::ListAnalyzersResponse response;
    const grpc::Status status = stub->ListAnalyzers(&context, request, &response);
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
      return absl::UnimplementedError(
          fmt::format("{} is not a gateway: it has no analyzers",
                      base::EscapeForTerminal(session.connection.address())));
    }
    RETURN_IF_ERROR(session.connection.ToStatus(status));
    all.mutable_analyzers()->MergeFrom(response.analyzers());
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  RETURN_IF_ERROR(
      session.out.Write(json_ ? MessageJson(all, true) + "\n" : AnalyzersText(all.analyzers())));
  return 0;
}

}  // namespace daemoneye::eyectl
