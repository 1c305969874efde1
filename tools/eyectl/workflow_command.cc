#include "tools/eyectl/workflow_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/enum_name.h"
#include "tools/eyectl/execution_watch.h"
#include "tools/eyectl/message_json.h"
#include "tools/eyectl/workflow_file.h"
#include "tools/eyectl/workflow_text.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

// All pages; a server that never stops is cut off.
constexpr int kMaxPages = 1000;
constexpr uint64_t kMaxExecutions = 100'000;
constexpr int kPageSize = 500;

// What stands behind the name, and how many operands it takes.
struct Action {
  std::string_view name;
  size_t min, max;
  std::string_view wants;
};
constexpr std::array<Action, 8> kActions = {{{"list", 0, 0, "nothing"},
                                             {"show", 1, 1, "the id of a workflow or an execution"},
                                             {"run", 0, 1, "a workflow's id, or --file"},
                                             {"watch", 1, 1, "an execution's id"},
                                             {"cancel", 1, 1, "an execution's id"},
                                             {"executions", 0, 0, "nothing"},
                                             {"create", 1, 1, "a file"},
                                             {"delete", 1, 1, "a workflow's id"}}};

// Takes "high" for TRIGGER_PRIORITY_HIGH.
template <typename Enum>
absl::StatusOr<Enum> ParseEnum(std::string_view text, std::string_view wants) {
  std::string name;
  for (const char c : text) name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  const auto& type = *google::protobuf::GetEnumDescriptor<Enum>();
  for (int i = 1; i < type.value_count(); ++i) {  // the first is UNSPECIFIED
    const int number = type.value(i)->number();
    if (EnumName(type, number) == name) return static_cast<Enum>(number);
  }
  return absl::InvalidArgumentError(fmt::format("want {}", wants));
}

bool IsExecutionId(std::string_view id) {
  return id.size() == 36 && std::ranges::count(id, '-') == 4 &&
         id.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

// One call: `method` of the stub.
template <typename Request, typename Response>
absl::StatusOr<Response> Call(Session& session, v1::WorkflowService::Stub& stub,
                              grpc::Status (v1::WorkflowService::Stub::*method)(
                                  grpc::ClientContext*, const Request&, Response*),
                              const Request& request) {
  grpc::ClientContext context;
  SetTimeout(context, kUnaryTimeout);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  RETURN_IF_ERROR(ToWorkflowStatus(session, status));
  return response;
}

}  // namespace

void WorkflowCommand::AddFlags(FlagSet& flags) {
  AddTargetFlags(flags);
  flags.AddText("file", "FILE", "run: a workflow of this file, which is not stored", &file_);
  flags.AddText("id", "ID", "of a file's workflows, this one", &id_);
  flags.Add({.name = "priority",
             .value_name = "LEVEL",
             .doc = "run: its place among those that wait: low, normal, high, critical",
             .set = [this](std::string_view text) -> absl::Status {
               ASSIGN_OR_RETURN(const auto priority, ParseEnum<v1::TriggerPriority>(
                                                         text, "low, normal, high or critical"));
               request_.set_priority(priority);
               return absl::OkStatus();
             }});
  flags.AddText("correlation", "ID", "run: what ties it to other things",
                request_.mutable_correlation_id());
  flags.AddBool("watch", "run: and watch it to its end; exit code 0: it completed", &watch_);
  flags.AddText("reason", "TEXT", "cancel: why", &reason_);
  flags.AddText("workflow", "ID", "executions: of this workflow", list_.mutable_workflow_id());
  flags.Add({.name = "status",
             .value_name = "STATUS",
             .doc = "executions: pending, running, completed, ...; may be given again",
             .set = [this](std::string_view text) -> absl::Status {
               ASSIGN_OR_RETURN(
                   const auto status,
                   ParseEnum<v1::ExecutionStatus>(
                       text, "pending, running, completed, failed, cancelled or timed_out"));
               list_.add_statuses(status);
               return absl::OkStatus();
             },
             .repeatable = true});
  flags.AddUnsigned("limit", "executions: at most so many, the newest (20)", &limit_);
  flags.AddBool("json", "answers as JSON; watch: a line a change", &json_);
}

void WorkflowCommand::AddTargetFlags(FlagSet& flags) {
  v1::AnalysisTarget& target = *request_.mutable_target();
  flags.Add({.name = "pid",
             .value_name = "PID",
             .doc = "run: about this process",
             .set = [&target](std::string_view text) -> absl::Status {
               ASSIGN_OR_RETURN(const uint64_t pid, ParseUnsigned(text));
               if (pid == 0 || pid > std::numeric_limits<uint32_t>::max()) {
                 return absl::InvalidArgumentError("is no pid");
               }
               target.set_pid(static_cast<uint32_t>(pid));
               return absl::OkStatus();
             }});
  flags.AddText("key", "KEY", "run: about the process of this process_key",
                target.mutable_process_key());
  flags.AddText("path", "PATH", "run: about this file", target.mutable_path());
  flags.AddText("host", "NAME", "run: on this host", target.mutable_host());
}

absl::Status WorkflowCommand::SetArguments(std::span<const std::string> arguments) {
  std::vector<std::string> names;
  for (const Action& action : kActions) names.emplace_back(action.name);
  if (arguments.empty()) {
    return absl::InvalidArgumentError(
        "workflow wants an action; eyectl workflow --help names them");
  }
  const auto action = std::ranges::find(kActions, arguments[0], &Action::name);
  if (action == kActions.end()) {
    const auto nearest = NearestName(arguments[0], names);
    return absl::InvalidArgumentError(
        fmt::format("workflow has no action '{}'{}", EscapeForTerminal(arguments[0]),
                    nearest ? "; did you mean " + *nearest + "?" : ""));
  }
  const size_t count = arguments.size() - 1;
  if (count < action->min || count > action->max) {
    return absl::InvalidArgumentError(
        fmt::format("workflow {} wants {}", action->name, action->wants));
  }
  action_ = arguments[0];
  if (count > 0) operand_ = arguments[1];
  return action_ == "run" ? CheckRun() : absl::OkStatus();
}

absl::Status WorkflowCommand::CheckRun() const {
  if (operand_.empty() == file_.empty()) {
    return absl::InvalidArgumentError("workflow run wants either a workflow's id or --file");
  }
  const v1::AnalysisTarget& target = request_.target();
  if (target.has_pid() || !target.process_key().empty() || !target.path().empty()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("workflow run wants --pid, --key or --path: what it is about");
}

absl::StatusOr<int> WorkflowCommand::Run(Session& session) {
  const auto stub = v1::WorkflowService::NewStub(session.connection.channel());
  if (action_ == "list") return List(session, *stub);
  if (action_ == "show") return Show(session, *stub);
  if (action_ == "run") return Execute(session, *stub);
  if (action_ == "watch") return WatchExecution(session, *stub, operand_, json_);
  if (action_ == "cancel") return Cancel(session, *stub);
  if (action_ == "executions") return Executions(session, *stub);
  if (action_ == "create") return Create(session, *stub);
  return Delete(session, *stub);
}

absl::StatusOr<std::vector<v1::Workflow>> WorkflowCommand::FromFile(const std::string& path) const {
  ASSIGN_OR_RETURN(std::vector<v1::Workflow> workflows, ReadWorkflows(path));
  if (!id_.empty()) std::erase_if(workflows, [&](const auto& w) { return w.id() != id_; });
  if (workflows.empty()) {
    return absl::NotFoundError(
        fmt::format("{} holds no workflow{}", EscapeForTerminal(path),
                    id_.empty() ? "" : fmt::format(" '{}'", EscapeForTerminal(id_))));
  }
  return workflows;
}

absl::StatusOr<v1::ListWorkflowsResponse> WorkflowCommand::ListAll(Session& session, Stub& stub) {
  v1::ListWorkflowsResponse all;
  v1::ListWorkflowsRequest request;
  for (int page = 0; page < kMaxPages; ++page) {
    ASSIGN_OR_RETURN(const v1::ListWorkflowsResponse response,
                     Call(session, stub, &Stub::ListWorkflows, request));
    all.mutable_workflows()->MergeFrom(response.workflows());
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  return all;
}

absl::StatusOr<int> WorkflowCommand::List(Session& session, Stub& stub) {
  ASSIGN_OR_RETURN(const v1::ListWorkflowsResponse all, ListAll(session, stub));
  RETURN_IF_ERROR(
      session.out.Write(json_ ? MessageJson(all, true) + "\n" : WorkflowsText(all.workflows())));
  return 0;
}

absl::StatusOr<int> WorkflowCommand::Show(Session& session, Stub& stub) {
  if (IsExecutionId(operand_)) return ShowExecution(session, stub);
  ASSIGN_OR_RETURN(const v1::ListWorkflowsResponse all, ListAll(session, stub));
  const auto found = std::ranges::find(all.workflows(), operand_, &v1::Workflow::id);
  if (found == all.workflows().end()) {
    return absl::NotFoundError(fmt::format("there is no workflow {}", EscapeForTerminal(operand_)));
  }
  RETURN_IF_ERROR(
      session.out.Write(json_ ? MessageJson(*found, true) + "\n" : WorkflowText(*found)));
  return 0;
}

absl::StatusOr<int> WorkflowCommand::ShowExecution(Session& session, Stub& stub) {
  v1::GetExecutionRequest request;
  request.set_id(operand_);
  ASSIGN_OR_RETURN(const v1::GetExecutionResponse response,
                   Call(session, stub, &Stub::GetExecution, request));
  RETURN_IF_ERROR(session.out.Write(json_ ? MessageJson(response.execution(), true) + "\n"
                                          : ExecutionText(response.execution(), session.style)));
  return 0;
}

absl::StatusOr<int> WorkflowCommand::Execute(Session& session, Stub& stub) {
  if (file_.empty()) {
    request_.set_workflow_id(operand_);
  } else {
    ASSIGN_OR_RETURN(std::vector<v1::Workflow> workflows, FromFile(file_));
    if (workflows.size() > 1) {
      return absl::InvalidArgumentError(fmt::format("{} holds {} workflows: --id names one",
                                                    EscapeForTerminal(file_), workflows.size()));
    }
    *request_.mutable_workflow() = std::move(workflows[0]);
  }
  ASSIGN_OR_RETURN(const v1::ExecuteWorkflowResponse response,
                   Call(session, stub, &Stub::ExecuteWorkflow, request_));
  const v1::WorkflowExecution& execution = response.execution();
  if (watch_) return WatchExecution(session, stub, execution.id(), json_);
  RETURN_IF_ERROR(session.out.Write(json_ ? MessageJson(execution, true) + "\n"
                                          : fmt::format("execution {} is {}\n",
                                                        EscapeForTerminal(execution.id()),
                                                        EnumName(execution.status()))));
  return 0;
}

absl::StatusOr<int> WorkflowCommand::Cancel(Session& session, Stub& stub) {
  v1::CancelExecutionRequest request;
  request.set_id(operand_);
  request.set_reason(reason_);
  ASSIGN_OR_RETURN(const v1::CancelExecutionResponse response,
                   Call(session, stub, &Stub::CancelExecution, request));
  RETURN_IF_ERROR(session.out.Write(json_ ? MessageJson(response.execution(), true) + "\n"
                                          : ExecutionText(response.execution(), session.style)));
  return 0;
}

absl::StatusOr<int> WorkflowCommand::Executions(Session& session, Stub& stub) {
  v1::ListExecutionsResponse all;
  const uint64_t limit = std::min(limit_, kMaxExecutions);
  while (static_cast<uint64_t>(all.executions_size()) < limit) {
    list_.set_page_size(static_cast<int>(
        std::min<uint64_t>(kPageSize, limit - static_cast<uint64_t>(all.executions_size()))));
    ASSIGN_OR_RETURN(const v1::ListExecutionsResponse page,
                     Call(session, stub, &Stub::ListExecutions, list_));
    all.mutable_executions()->MergeFrom(page.executions());
    if (page.next_page_token().empty() || page.executions().empty()) break;
    list_.set_page_token(page.next_page_token());
  }
  if (!json_) {
    RETURN_IF_ERROR(session.out.Write(ExecutionsText(all.executions())));
    return 0;
  }
  for (const v1::WorkflowExecution& execution : all.executions()) {
    RETURN_IF_ERROR(session.out.Write(MessageJson(execution, false) + "\n"));
  }
  return 0;
}

absl::StatusOr<int> WorkflowCommand::Create(Session& session, Stub& stub) {
  ASSIGN_OR_RETURN(const std::vector<v1::Workflow> workflows, FromFile(operand_));
  for (const v1::Workflow& workflow : workflows) {
    v1::CreateWorkflowRequest request;
    *request.mutable_workflow() = workflow;
    ASSIGN_OR_RETURN(const v1::CreateWorkflowResponse response,
                     Call(session, stub, &Stub::CreateWorkflow, request));
    RETURN_IF_ERROR(session.out.Write(
        json_ ? MessageJson(response.workflow(), false) + "\n"
              : fmt::format("created {}\n", EscapeForTerminal(response.workflow().id()))));
  }
  return 0;
}

absl::StatusOr<int> WorkflowCommand::Delete(Session& session, Stub& stub) {
  v1::DeleteWorkflowRequest request;
  request.set_id(operand_);
  RETURN_IF_ERROR(Call(session, stub, &Stub::DeleteWorkflow, request).status());
  RETURN_IF_ERROR(session.out.Write(fmt::format("deleted {}\n", EscapeForTerminal(operand_))));
  return 0;
}

}  // namespace daemoneye::eyectl
