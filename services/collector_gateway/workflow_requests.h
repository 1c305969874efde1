// What WorkflowService is asked: what is wrong with a request, and what to run.
//
// Threads: stateless; any.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/workflow_service.pb.h"
#include "services/collector_gateway/workflow_registry.h"

namespace daemoneye::gateway {

inline constexpr int kDefaultExecutionPage = 100;
inline constexpr int kMaxExecutionPage = 1'000;

// InvalidArgument names the field. What the workflows themselves have wrong is told later: that
// takes time.
absl::Status Validate(const v1::CreateWorkflowRequest& request);
absl::Status Validate(const v1::ListWorkflowsRequest& request);
absl::Status Validate(const v1::DeleteWorkflowRequest& request);
absl::Status Validate(const v1::ExecuteWorkflowRequest& request);
absl::Status Validate(const v1::GetExecutionRequest& request);
absl::Status Validate(const v1::ListExecutionsRequest& request);
absl::Status Validate(const v1::CancelExecutionRequest& request);
absl::Status Validate(const v1::WatchExecutionRequest& request);

// One page, by id.
void ListWorkflows(const WorkflowRegistry& registry, const v1::ListWorkflowsRequest& request,
                   v1::ListWorkflowsResponse& response);

// The execution that a valid request asks for, to be submitted. NotFound; of an inline workflow
// what the registry says.
absl::StatusOr<v1::WorkflowExecution> MakeExecution(const WorkflowRegistry& registry,
                                                    const v1::ExecuteWorkflowRequest& request);

}  // namespace daemoneye::gateway
