#include "tools/eyectl/execution_watch.h"

#include <fmt/format.h>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/live_block.h"
#include "tools/eyectl/message_json.h"
#include "tools/eyectl/workflow_text.h"

namespace daemoneye::eyectl {

absl::Status ToWorkflowStatus(const Session& session, const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return absl::UnimplementedError(
        fmt::format("{} is not a gateway: it has no workflows",
                    base::EscapeForTerminal(session.connection.address())));
  }
  return session.connection.ToStatus(status);
}

absl::StatusOr<int> WatchExecution(Session& session, v1::WorkflowService::Stub& stub,
                                   const std::string& id, bool json) {
  grpc::ClientContext context;
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  v1::WatchExecutionRequest request;
  request.set_id(id);
  const auto reader = stub.WatchExecution(&context, request);
  const bool is_live = !json && session.out.IsTerminal();
  LiveBlock block(session.out);
  v1::WorkflowExecution last;
  const auto show = [&](const v1::WorkflowExecution& now) {
    if (json) return session.out.Write(MessageJson(now, false) + "\n");
    const std::string text = ExecutionText(now, session.style);
    if (is_live) return block.Draw(text);
    return session.out.Write(HasEnded(now) ? ChangesText(last, now, session.style) + text
                                           : ChangesText(last, now, session.style));
  };
  absl::Status written;
  v1::WatchExecutionResponse message;
  while (reader->Read(&message)) {
    if (written.ok()) written = show(message.execution());
    if (!written.ok()) context.TryCancel();  // what is on its way is read and thrown away
    last.Swap(message.mutable_execution());
  }
  const grpc::Status status = reader->Finish();
  if (absl::IsCancelled(written)) return 1;  // whoever read is gone, and did not see it complete
  RETURN_IF_ERROR(written);
  if (!status.ok()) {
    if (last.revision() > 0 && !session.interrupt.requested()) {
      RETURN_IF_ERROR(session.err.Write(
          fmt::format("eyectl: the stream broke; eyectl workflow watch {} goes on from here\n",
                      base::EscapeForTerminal(id))));
    }
    return ToWorkflowStatus(session, status);
  }
  return last.status() == v1::EXECUTION_STATUS_COMPLETED ? 0 : 1;
}

}  // namespace daemoneye::eyectl
