#include "services/collector_gateway/workflow_registry.h"

#include <utility>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/event/event_builder.h"
#include "libs/logging/logging.h"
#include "services/collector_gateway/workflow_fields.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using WorkflowPtr = WorkflowRegistry::WorkflowPtr;

constexpr size_t kMaxMessageBytes = 1024;

std::string Quoted(std::string_view id) {
  return base::EscapeForTerminal(base::Utf8Prefix(id, 128));
}

absl::Status NoSuchWorkflow(std::string_view id) {
  return absl::NotFoundError(fmt::format("there is no workflow {}", Quoted(id)));
}

void ClearServersFields(v1::Workflow& workflow) {
  workflow.clear_managed_by();
  workflow.clear_updated_at();
}

absl::Status CheckEachStage(
    const v1::Workflow& workflow, std::string_view path,
    const std::function<absl::Status(const v1::WorkflowStage&)>& check_stage) {
  if (!check_stage) return absl::OkStatus();
  for (int i = 0; i < workflow.stages_size(); ++i) {
    const absl::Status status = check_stage(workflow.stages(i));
    if (status.ok()) continue;
    const std::string message(status.message());
    return {status.code(),
            fmt::format("{}.stages[{}]: {}", path, i,
                        base::EscapeForTerminal(base::Utf8Prefix(message, kMaxMessageBytes)))};
  }
  return absl::OkStatus();
}

}  // namespace

WorkflowPtr WorkflowRegistry::State::Find(std::string_view id) const {
  if (const auto found = api.find(id); found != api.end()) return found->second;
  const auto found = file.find(id);
  return found == file.end() ? nullptr : found->second;
}

WorkflowRegistry::WorkflowRegistry(WorkflowRegistryPorts ports) : ports_(std::move(ports)) {}

std::shared_ptr<const WorkflowRegistry::State> WorkflowRegistry::Current() const {
  MutexLock lock(mu_);
  return state_;
}

void WorkflowRegistry::Publish(State next) {
  auto state = std::make_shared<const State>(std::move(next));
  MutexLock lock(mu_);
  state_.swap(state);
}

// What does not change keeps its time.
void WorkflowRegistry::TakeFile(WorkflowConfig config, State& next) const {
  std::map<std::string, WorkflowPtr, std::less<>> file;
  for (auto& [id, workflow] : config.workflows) {
    event::SetTime(ports_.clock.Now(), workflow.mutable_updated_at());
    if (const auto old = next.file.find(id); old != next.file.end()) {
      v1::Workflow as_old = workflow;
      *as_old.mutable_updated_at() = old->second->updated_at();
      if (as_old.SerializeAsString() == old->second->SerializeAsString()) {
        workflow = std::move(as_old);
      }
    }
    file[id] = std::make_shared<const v1::Workflow>(std::move(workflow));
  }
  next.file = std::move(file);
}

absl::Status WorkflowRegistry::ReadStored(State& next) const {
  if (ports_.store == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::vector<v1::Workflow> stored, ports_.store->ListWorkflows());
  for (v1::Workflow& workflow : stored) {
    const std::string id = workflow.id();
    if (next.api.contains(id)) continue;
    v1::Workflow defined = workflow;
    ClearServersFields(defined);
    const absl::Status status = CheckWorkflowFields(defined, "", /*needs_id=*/true);
    if (!status.ok()) {
      logging::Warning("a workflow cannot be run", {{"workflow", id}, {"error", status}});
      next.refused[id] = std::string(status.message());
    }
    workflow.set_managed_by(v1::TRIGGER_MANAGER_API);
    next.api[id] = std::make_shared<const v1::Workflow>(std::move(workflow));
  }
  return absl::OkStatus();
}

absl::Status WorkflowRegistry::Load(WorkflowConfig config) {
  MutexLock change(change_mu_);
  State next;
  TakeFile(std::move(config), next);
  const absl::Status read = ReadStored(next);
  if (!read.ok() && !absl::IsResourceExhausted(read)) return read;
  if (!read.ok()) next.unread = std::string(read.message());
  Publish(std::move(next));
  return absl::OkStatus();
}

absl::Status WorkflowRegistry::LoadStored() {
  MutexLock change(change_mu_);
  State next = *Current();
  RETURN_IF_ERROR(ReadStored(next));
  next.unread.clear();
  Publish(std::move(next));
  return absl::OkStatus();
}

void WorkflowRegistry::Reload(WorkflowConfig config) {
  MutexLock change(change_mu_);
  State next = *Current();
  TakeFile(std::move(config), next);
  Publish(std::move(next));
}

WorkflowPtr WorkflowRegistry::Find(std::string_view id) const {
  absl::StatusOr<WorkflowPtr> found = Get(id);
  return found.ok() ? *std::move(found) : nullptr;
}

absl::StatusOr<WorkflowPtr> WorkflowRegistry::Get(std::string_view id) const {
  const std::shared_ptr<const State> state = Current();
  WorkflowPtr workflow = state->Find(id);
  if (workflow == nullptr) return NoSuchWorkflow(id);
  if (const auto refused = state->refused.find(id); refused != state->refused.end()) {
    return absl::FailedPreconditionError(
        fmt::format("workflow {} cannot be run: {}", Quoted(id), refused->second));
  }
  return workflow;
}

std::vector<WorkflowPtr> WorkflowRegistry::List(std::string_view after_id, size_t max) const {
  const std::shared_ptr<const State> state = Current();
  std::map<std::string_view, WorkflowPtr> all;
  for (const auto* of : {&state->api, &state->file}) {  // the first of an id counts
    for (auto it = of->upper_bound(after_id); it != of->end(); ++it) all.emplace(*it);
  }
  std::vector<WorkflowPtr> page;
  for (auto it = all.begin(); it != all.end() && page.size() < max; ++it) {
    page.push_back(it->second);
  }
  return page;
}

absl::Status WorkflowRegistry::CheckInline(const v1::Workflow& workflow) const {
  v1::Workflow defined = workflow;
  ClearServersFields(defined);
  RETURN_IF_ERROR(CheckWorkflowFields(defined, "workflow.", /*needs_id=*/false));
  return CheckEachStage(defined, "workflow", ports_.check_stage);
}

absl::StatusOr<v1::Workflow> WorkflowRegistry::Create(v1::Workflow workflow) {
  MutexLock change(change_mu_);
  ClearServersFields(workflow);
  workflow.DiscardUnknownFields();
  RETURN_IF_ERROR(CheckWorkflowFields(workflow, "workflow.", /*needs_id=*/true));
  State next = *Current();
  if (next.Find(workflow.id()) != nullptr) {
    return absl::AlreadyExistsError(fmt::format("there is a workflow {} already", workflow.id()));
  }
  if (next.api.size() + next.file.size() >= kMaxWorkflows) {
    return absl::ResourceExhaustedError(fmt::format("there are {} workflows", kMaxWorkflows));
  }
  if (!next.unread.empty()) {
    return absl::UnavailableError(fmt::format("the store cannot be read yet: {}", next.unread));
  }
  RETURN_IF_ERROR(CheckEachStage(workflow, "workflow", ports_.check_stage));
  workflow.set_managed_by(v1::TRIGGER_MANAGER_API);
  event::SetTime(ports_.clock.Now(), workflow.mutable_updated_at());
  if (ports_.store != nullptr) RETURN_IF_ERROR(ports_.store->PutWorkflow(workflow));
  next.api[workflow.id()] = std::make_shared<const v1::Workflow>(workflow);
  Publish(std::move(next));
  return workflow;
}

absl::Status WorkflowRegistry::Delete(std::string_view id) {
  MutexLock change(change_mu_);
  State next = *Current();
  const auto found = next.api.find(id);
  if (found == next.api.end()) {
    if (next.file.find(id) == next.file.end()) return NoSuchWorkflow(id);
    return absl::FailedPreconditionError(
        fmt::format("{} is a workflow of the file: take it out there", Quoted(id)));
  }
  // The file's of the same id takes its place.
  const bool leaves_another = next.file.find(id) != next.file.end();
  if (ports_.trigger_using && !leaves_another) {
    if (const std::string trigger = ports_.trigger_using(id); !trigger.empty()) {
      return absl::FailedPreconditionError(
          fmt::format("trigger {} names the workflow {}", Quoted(trigger), Quoted(id)));
    }
  }
  if (ports_.store != nullptr) RETURN_IF_ERROR(ports_.store->DeleteWorkflow(id));
  if (const auto refused = next.refused.find(id); refused != next.refused.end()) {
    next.refused.erase(refused);
  }
  next.api.erase(found);
  Publish(std::move(next));
  return absl::OkStatus();
}

std::vector<std::string> WorkflowRegistry::Problems() const {
  std::vector<std::string> problems;
  const std::shared_ptr<const State> state = Current();
  if (!state->unread.empty()) {
    problems.push_back(fmt::format("stored workflows are not there yet: {}", state->unread));
  }
  for (const auto& [id, reason] : state->refused) {
    problems.push_back(fmt::format("workflow {}: {}", id, reason));
  }
  return problems;
}

absl::Status CheckWorkflows(
    const config::Config& config,
    const std::function<absl::Status(const v1::WorkflowStage&)>& check_stage) {
  ASSIGN_OR_RETURN(const WorkflowConfig definitions, ReadWorkflowConfig(config));
  for (const auto& [id, workflow] : definitions.workflows) {
    RETURN_IF_ERROR(CheckEachStage(workflow, definitions.paths.at(id), check_stage));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::gateway
