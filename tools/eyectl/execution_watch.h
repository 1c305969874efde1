// Watching an execution to its end, for eyectl workflow.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/workflow_service.grpc.pb.h"
#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

// Shows execution `id` until it has ended: on a terminal as a block that is drawn over itself, else
// a line a change and the block at the end, with `json` a line a state. Exit code 0 when it
// completed, else 1.
absl::StatusOr<int> WatchExecution(Session& session, v1::WorkflowService::Stub& stub,
                                   const std::string& id, bool json);

// As Connection::ToStatus; UNIMPLEMENTED: the server is no gateway.
absl::Status ToWorkflowStatus(const Session& session, const grpc::Status& status);

}  // namespace daemoneye::eyectl
