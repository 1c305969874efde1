// What is wrong with a workflow, or with what it is run on, as it was written.
//
// Threads: stateless; any.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "daemoneye/v1/analysis.pb.h"
#include "daemoneye/v1/workflow.pb.h"

namespace daemoneye::gateway {

// An execution carries its workflow, and a thousand of them may wait.
inline constexpr size_t kMaxWorkflowBytes = 128 << 10;

// InvalidArgument "<path>stages[2].depends_on[0]: ...", fit to print: what analysis::CheckWorkflow
// finds, the kinds' settings, and fields that only the server sets. `needs_id` is false where a
// workflow is only run.
absl::Status CheckWorkflowFields(const v1::Workflow& workflow, std::string_view path,
                                 bool needs_id);

// InvalidArgument "target.path: ...".
absl::Status CheckTargetFields(const v1::AnalysisTarget& target);

}  // namespace daemoneye::gateway
