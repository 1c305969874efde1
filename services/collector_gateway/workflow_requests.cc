#include "services/collector_gateway/workflow_requests.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/event/uuid.h"
#include "services/collector_gateway/workflow_fields.h"

namespace daemoneye::gateway {
namespace {

constexpr size_t kMaxIdBytes = 128;
constexpr size_t kMaxTextBytes = 512;
constexpr size_t kMaxCorrelationBytes = 256;
constexpr int kMaxStatuses = 16;
constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1'000;
constexpr size_t kMaxPageBytes = 1 << 20;

absl::Status Wrong(std::string_view field, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", field, why));
}

absl::Status CheckText(std::string_view field, const std::string& text, size_t max_bytes) {
  if (text.size() <= max_bytes) return absl::OkStatus();
  return Wrong(field, fmt::format("{} bytes, at most {} are taken", text.size(), max_bytes));
}

absl::Status CheckWorkflowId(std::string_view field, const std::string& id) {
  if (id.empty()) return Wrong(field, "is needed");
  return CheckText(field, id, kMaxIdBytes);
}

absl::Status CheckExecutionId(const std::string& id) {
  return event::IsUuid(id) ? absl::OkStatus() : Wrong("id", "is no execution's id: want a UUID");
}

absl::Status CheckPage(int page_size, const std::string& token) {
  if (page_size < 0) return Wrong("page_size", "must be 0 or more");
  return CheckText("page_token", token, kMaxTextBytes);
}

}  // namespace

absl::Status Validate(const v1::CreateWorkflowRequest& request) {
  return request.has_workflow() ? absl::OkStatus() : Wrong("workflow", "is needed");
}

absl::Status Validate(const v1::ListWorkflowsRequest& request) {
  return CheckPage(request.page_size(), request.page_token());
}

absl::Status Validate(const v1::DeleteWorkflowRequest& request) {
  return CheckWorkflowId("id", request.id());
}

absl::Status Validate(const v1::ExecuteWorkflowRequest& request) {
  switch (request.definition_case()) {
    case v1::ExecuteWorkflowRequest::kWorkflowId:
      RETURN_IF_ERROR(CheckWorkflowId("workflow_id", request.workflow_id()));
      break;
    case v1::ExecuteWorkflowRequest::kWorkflow:
      break;
    case v1::ExecuteWorkflowRequest::DEFINITION_NOT_SET:
      return Wrong("definition", "workflow_id or workflow is needed");
  }
  RETURN_IF_ERROR(CheckTargetFields(request.target()));
  if (!v1::TriggerPriority_IsValid(request.priority())) {
    return Wrong("priority", "is no TriggerPriority");
  }
  return CheckText("correlation_id", request.correlation_id(), kMaxCorrelationBytes);
}

absl::Status Validate(const v1::GetExecutionRequest& request) {
  return CheckExecutionId(request.id());
}

absl::Status Validate(const v1::ListExecutionsRequest& request) {
  RETURN_IF_ERROR(CheckPage(request.page_size(), request.page_token()));
  RETURN_IF_ERROR(CheckText("workflow_id", request.workflow_id(), kMaxIdBytes));
  if (request.statuses_size() > kMaxStatuses) {
    return Wrong("statuses", fmt::format("at most {} are taken", kMaxStatuses));
  }
  for (int i = 0; i < request.statuses_size(); ++i) {
    const int status = request.statuses(i);
    if (status != v1::EXECUTION_STATUS_UNSPECIFIED && v1::ExecutionStatus_IsValid(status)) continue;
    return Wrong(fmt::format("statuses[{}]", i), "is no ExecutionStatus");
  }
  return absl::OkStatus();
}

absl::Status Validate(const v1::CancelExecutionRequest& request) {
  RETURN_IF_ERROR(CheckExecutionId(request.id()));
  return CheckText("reason", request.reason(), kMaxTextBytes);
}

absl::Status Validate(const v1::WatchExecutionRequest& request) {
  return CheckExecutionId(request.id());
}

void ListWorkflows(const WorkflowRegistry& registry, const v1::ListWorkflowsRequest& request,
                   v1::ListWorkflowsResponse& response) {
  const int page_size =
      request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  // The token is the id of the last workflow of the page before. One more tells of another page.
  const std::vector<WorkflowRegistry::WorkflowPtr> page =
      registry.List(request.page_token(), static_cast<size_t>(page_size) + 1);
  size_t bytes = 0;
  for (const WorkflowRegistry::WorkflowPtr& workflow : page) {
    bytes += workflow->ByteSizeLong();
    const int size = response.workflows_size();
    if (size == page_size || (size > 0 && bytes > kMaxPageBytes)) break;
    *response.add_workflows() = *workflow;
  }
  if (static_cast<size_t>(response.workflows_size()) < page.size()) {
    response.set_next_page_token(response.workflows(response.workflows_size() - 1).id());
  }
}

absl::StatusOr<v1::WorkflowExecution> MakeExecution(const WorkflowRegistry& registry,
                                                    const v1::ExecuteWorkflowRequest& request) {
  v1::WorkflowExecution execution;
  if (request.definition_case() == v1::ExecuteWorkflowRequest::kWorkflowId) {
    ASSIGN_OR_RETURN(const WorkflowRegistry::WorkflowPtr stored,
                     registry.Get(request.workflow_id()));
    *execution.mutable_workflow() = *stored;
  } else {
    RETURN_IF_ERROR(registry.CheckInline(request.workflow()));
    *execution.mutable_workflow() = request.workflow();
    execution.mutable_workflow()->clear_managed_by();
    execution.mutable_workflow()->clear_updated_at();
    execution.mutable_workflow()->DiscardUnknownFields();
  }
  execution.set_workflow_id(execution.workflow().id());
  *execution.mutable_target() = request.target();
  execution.mutable_target()->DiscardUnknownFields();
  execution.set_priority(request.priority());
  execution.set_correlation_id(request.correlation_id().empty() ? event::NewUuid()
                                                                : request.correlation_id());
  return execution;
}

}  // namespace daemoneye::gateway
