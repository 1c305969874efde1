#include "tools/eyectl/task_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/enum_name.h"
#include "tools/eyectl/event_printer.h"
#include "tools/eyectl/filter_flags.h"
#include "tools/eyectl/message_json.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string TaskTypes() {
  std::string out;
  const auto& type = *v1::TaskType_descriptor();
  for (int i = 1; i < type.value_count(); ++i) {
    out += (out.empty() ? "" : ", ") + Lower(EnumName(type, type.value(i)->number()));
  }
  return out;
}

absl::StatusOr<v1::TaskType> ParseTaskType(std::string text) {
  std::replace(text.begin(), text.end(), '-', '_');
  const auto& type = *v1::TaskType_descriptor();
  for (int i = 1; i < type.value_count(); ++i) {
    const int number = type.value(i)->number();
    if (Lower(EnumName(type, number)) == Lower(text)) return static_cast<v1::TaskType>(number);
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is no task: there are {}", EscapeForTerminal(text), TaskTypes()));
}

}  // namespace

std::string TaskSummaryText(const v1::TaskSummary& summary, const Style& style) {
  const bool complete = summary.completeness().complete();
  std::string out = style.Paint(complete ? Tone::kDim : Tone::kAlarm,
                                fmt::format("-- {} records, {}", summary.records(),
                                            complete ? "complete" : "NOT COMPLETE")) +
                    "\n";
  for (const std::string& reason : summary.completeness().reasons()) {
    out += style.Paint(Tone::kAlarm, "--   " + EscapeForTerminal(reason)) + "\n";
  }
  for (const v1::MonitorTaskResult& m : summary.monitors()) {
    out += style.Paint(
               m.error().empty() ? Tone::kDim : Tone::kAlarm,
               fmt::format("--   {}: {} records{}", EscapeForTerminal(m.monitor()), m.records(),
                           m.error().empty() ? "" : ", " + EscapeForTerminal(m.error()))) +
           "\n";
  }
  return out;
}

void TaskCommand::AddFlags(FlagSet& flags) {
  flags.AddBool("json", "one JSON object a line, with OpenTelemetry's names", &json_);
  flags.Add({"on", "MONITOR", "at a gateway: the monitors to ask; default: all that can",
             [this](std::string_view v) {
               request_.add_monitors(std::string(v));
               return absl::OkStatus();
             },
             true});
  flags.AddText("task_id", "ID", "our name for it, in the server's log",
                request_.mutable_task_id());
  flags.AddDuration("timeout", "give up after this long (default 1m)", &timeout_);
  AddFilterFlags(flags, clock_, request_.mutable_filter());
}

absl::Status TaskCommand::SetArguments(std::span<const std::string> arguments) {
  if (arguments.size() != 1) {
    return absl::InvalidArgumentError(
        fmt::format("task takes one TYPE, not {}: {}", arguments.size(), TaskTypes()));
  }
  ASSIGN_OR_RETURN(const v1::TaskType type, ParseTaskType(arguments[0]));
  request_.set_type(type);
  return absl::OkStatus();
}

absl::StatusOr<int> TaskCommand::Run(Session& session) {
  const auto stub = v1::MonitorService::NewStub(session.connection.channel());
  grpc::ClientContext context;
  SetTimeout(context, timeout_);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  EventPrinter printer({.json = json_}, session.style, session.out, session.err);
  const auto reader = stub->ExecuteTask(&context, request_);
  absl::Status written;
  std::optional<v1::TaskSummary> summary;
  v1::ExecuteTaskResponse response;
  while (reader->Read(&response)) {
    if (written.ok() && response.has_record()) written = printer.Print(response.record());
    if (response.has_summary()) summary = response.summary();
    if (!written.ok()) context.TryCancel();
  }
  const grpc::Status ended = reader->Finish();
  RETURN_IF_ERROR(written);
  RETURN_IF_ERROR(session.connection.ToStatus(ended));
  if (!summary) return absl::DataLossError("the answer ended without its summary");
  RETURN_IF_ERROR(session.out.Write(
      json_ ? fmt::format("{{\"daemoneye.kind\":\"task_summary\",\"daemoneye.task_summary\":{}}}\n",
                          MessageJson(*summary, false))
            : TaskSummaryText(*summary, session.style)));
  const bool all_answered =
      std::all_of(summary->monitors().begin(), summary->monitors().end(),
                  [](const auto& monitor) { return monitor.error().empty(); });
  return all_answered ? 0 : 1;
}

}  // namespace daemoneye::eyectl
