// StageRunner: does what a stage asks for. WorkflowEngine knows when; a runner knows how.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/workflow.pb.h"

namespace daemoneye::analysis {

// One attempt at a stage.
struct StageWork {
  // As it was when the attempt began: target, event, and the results of the stages before.
  std::shared_ptr<const v1::WorkflowExecution> execution;
  // Place in execution->workflow().stages().
  int stage = 0;
  // What is left of the stage's timeout.
  absl::Duration timeout;

  const v1::WorkflowStage& definition() const { return execution->workflow().stages(stage); }
};

struct StageOutcome {
  // Unavailable, ResourceExhausted, Aborted: another attempt may do better. Any other: none would.
  absl::StatusOr<v1::AnalysisResult> result;
  // Ids of alerts that it raised.
  std::vector<std::string> alert_ids;
};

// An attempt under way. Destroyed by the engine once it has ended, or has been given up; `done` may
// be under way then, and may come later.
class StageCall {
 public:
  virtual ~StageCall() = default;
  // Nobody wants the outcome any more. Quick; `done` may or may not be called.
  virtual void Cancel() = 0;
};

// What came of asking for an attempt.
struct Begun {
  // Null: there is no room now.
  std::unique_ptr<StageCall> call;
  // Without a call: when to ask again; infinite: after WorkflowEngine::OnRoom.
  absl::Duration retry_after = absl::InfiniteDuration();
};

class StageRunner {
 public:
  using Done = std::function<void(StageOutcome)>;

  virtual ~StageRunner() = default;

  // Begins an attempt. `done` is called once, from any thread, perhaps before this returns; calls
  // that come after the engine has given the attempt up are ignored. Threads: the engine's. Never
  // blocks.
  virtual Begun Begin(const StageWork& work, Done done) = 0;
};

}  // namespace daemoneye::analysis
