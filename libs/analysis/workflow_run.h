// WorkflowRun: the state of one execution: which stages may start, what the end of one means for
// the others, and when all has ended.
//
// A stage starts when every stage it depends on has completed, or was optional, failed and is not
// required. When that cannot come about any more it is skipped. Stages that do not depend on a
// failed one go on, since what they find is evidence; the execution has failed then once they have
// ended.
//
// Threads: compatible. Does nothing by itself: WorkflowEngine runs the stages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/workflow.pb.h"

namespace daemoneye::analysis {

bool IsFinal(v1::StageStatus status);
bool IsFinal(v1::ExecutionStatus status);

class WorkflowRun {
 public:
  // `execution.workflow` has passed CheckWorkflow. One that has stages already goes on: what was
  // QUEUED or RUNNING is PENDING again.
  explicit WorkflowRun(v1::WorkflowExecution execution);

  const v1::WorkflowExecution& execution() const { return execution_; }
  const v1::WorkflowStage& stage(int i) const { return execution_.workflow().stages(i); }
  const v1::StageExecution& state(int i) const { return execution_.stages(i); }
  bool has_ended() const { return IsFinal(execution_.status()); }

  // PENDING → RUNNING.
  void Start(absl::Time now);
  // Stages that may start now; they are QUEUED.
  std::vector<int> TakeReady(absl::Time now);

  // One more attempt at a QUEUED stage.
  void OnAttempt(int i);
  // The attempt failed and another one will be made.
  void OnRetry(int i, std::string_view why);
  void OnCompleted(int i, v1::AnalysisResult result, absl::Time now);
  // `status`: FAILED or TIMED_OUT.
  void OnFailed(int i, v1::StageStatus status, std::string_view why, absl::Time now);
  void AddAlert(const std::string& id);

  // Ends all that has not: stages are CANCELLED. `status`: CANCELLED, TIMED_OUT or FAILED.
  void End(v1::ExecutionStatus status, std::string_view why, absl::Time now);

 private:
  enum class Need { kOpen, kMet, kUnmeetable };
  Need NeedOf(int i) const;
  // One more reason why what it rests on was not whole.
  void AddReason(int i, std::string_view why);
  void EndStage(int i, v1::StageStatus status, std::string_view why, absl::Time now);
  // Skips what cannot start any more, and ends the execution with its last stage.
  void Settle(absl::Time now);
  void Conclude(absl::Time now);
  void Changed() { execution_.set_revision(execution_.revision() + 1); }

  v1::WorkflowExecution execution_;
  std::vector<std::vector<int>> depends_on_;  // by place
};

}  // namespace daemoneye::analysis
