#include "tools/eyectl/events_command.h"

#include <fmt/format.h>

#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "libs/base/status_macros.h"
#include "tools/eyectl/event_printer.h"

namespace daemoneye::eyectl {
namespace {

// Prints until the stream ends or the output fails, which ends the stream.
absl::Status PrintAll(grpc::ClientReader<v1::CollectionEvent>& reader, grpc::ClientContext& context,
                      EventPrinter& printer) {
  absl::Status written;
  v1::CollectionEvent event;
  while (reader.Read(&event)) {
    if (written.ok()) written = printer.Print(event);
    if (!written.ok()) context.TryCancel();  // what is on its way is read and thrown away
  }
  return written;
}

}  // namespace

absl::StatusOr<int> EventsCommand::Run(Session& session) {
  const std::unique_ptr<v1::MonitorService::Stub> stub =
      v1::MonitorService::NewStub(session.connection.channel());
  grpc::ClientContext context;
  if (for_ > absl::ZeroDuration()) SetTimeout(context, for_);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  EventPrinter printer({.json = json_, .list_snapshot = snapshot_ != SnapshotMode::kCount},
                       session.style, session.out, session.err);
  const auto reader = stub->StreamEvents(&context, request_);
  const absl::Status written = PrintAll(*reader, context, printer);
  const grpc::Status ended = reader->Finish();
  RETURN_IF_ERROR(written);

  const std::string position = printer.ResumePosition();
  const bool time_is_over = for_ > absl::ZeroDuration() && !position.empty() &&
                            ended.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  const bool as_asked = ended.ok() || session.interrupt.requested() || time_is_over;
  if (printer.HasLoss() || session.err.IsTerminal()) {
    RETURN_IF_ERROR(session.err.Write(fmt::format("eyectl: {}\n", printer.Summary())));
  }
  if (as_asked) return 0;
  if (!position.empty()) {
    RETURN_IF_ERROR(session.err.Write(
        fmt::format("eyectl: the stream broke; --resume={} goes on from here\n", position)));
  }
  return session.connection.ToStatus(ended);
}

}  // namespace daemoneye::eyectl
