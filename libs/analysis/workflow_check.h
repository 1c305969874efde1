// What of a workflow can be judged by itself: names, bounds, what goes with what, and that its
// stages form a graph without a cycle.
//
// Threads: stateless; any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemoneye/v1/analysis.pb.h"
#include "daemoneye/v1/workflow.pb.h"

namespace daemoneye::analysis {

inline constexpr int kMaxStages = 64;
inline constexpr absl::Duration kDefaultWorkflowTimeout = absl::Minutes(30);
inline constexpr absl::Duration kDefaultStageTimeout = absl::Minutes(5);
inline constexpr uint32_t kDefaultMaxRetries = 3;

// "stages[2].depends_on[0]: no stage is named "hash"": the first thing that is wrong. `needs_id` is
// false where a workflow is only run.
absl::Status CheckWorkflow(const v1::Workflow& workflow, bool needs_id);

// "target.path: ..."
absl::Status CheckTarget(const v1::AnalysisTarget& target);

absl::Duration TimeoutOf(const v1::Workflow& workflow);
absl::Duration TimeoutOf(const v1::WorkflowStage& stage);
uint32_t MaxRetriesOf(const v1::WorkflowStage& stage);

}  // namespace daemoneye::analysis
