// WorkflowEngine: runs executions of workflows: at most 50 at once, their stages as the graph
// allows, with deadlines, retries, cancellation and a store that outlives the process.
//
// One thread makes every change, in order: requests, outcomes of stages and deadlines come to it.
// It keeps what has changed before anybody is told. An execution ends at its timeout whatever its
// stages do: a runner that never answers costs nothing but its call.
//
// Lifecycle:  Start; Recover goes on with what the store has unfinished; Stop gives up what runs,
//             which the next Recover goes on with.
// Threads:    owns one, "workflows". All methods from any, but from a runner's Begin.
// Ownership:  borrows the runner, the store and the clock, which outlive it.
// Bounds:     options; a result 64 KiB.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/workflow.pb.h"
#include "libs/analysis/stage_runner.h"
#include "libs/base/clock.h"
#include "libs/storage/execution_store.h"

namespace daemoneye::analysis {

struct WorkflowEngineOptions {
  size_t max_running = 50;
  size_t max_pending = 1'000;
  // Executions that have ended and are still answered for without the store.
  size_t max_finished = 100;
  // What the results of an execution's stages may weigh together.
  size_t max_result_bytes = 1 << 20;
  // How often an execution may be found unfinished at a start, before it has failed.
  uint32_t max_resumes = 3;
};

struct WorkflowStatistics {
  size_t pending = 0;
  size_t running = 0;
  // Ended, by workflow id and status; beyond 1,000 of those under "other".
  std::map<std::pair<std::string, v1::ExecutionStatus>, uint64_t> ended;
  uint64_t refused = 0;
  uint64_t retries = 0;
  // Outcomes of attempts that had been given up.
  uint64_t late_outcomes = 0;
  // Why changes are not kept; empty: they are.
  std::string store_error;
};

using ExecutionPtr = std::shared_ptr<const v1::WorkflowExecution>;

class WorkflowEngine {
 public:
  // `store` may be null: then executions last as long as the process. `on_end` is told each
  // execution that has ended, on the engine's thread.
  WorkflowEngine(StageRunner& runner, storage::ExecutionStore* store, base::Clock& clock,
                 std::function<void(const ExecutionPtr&)> on_end,
                 WorkflowEngineOptions options = {});
  ~WorkflowEngine();

  void Start();
  // Takes up what the store has unfinished, once it can be read. The store's error.
  absl::Status Recover();
  void Stop();

  // Accepts an execution whose workflow and target have been checked: id, status, stages and times
  // are set here. ResourceExhausted: too many wait.
  absl::StatusOr<ExecutionPtr> Submit(v1::WorkflowExecution execution);
  // Returns when `id` is kept, or told not to be: Unavailable.
  absl::Status AwaitKept(std::string_view id);
  // Whether one more would start at once.
  bool HasRoom() const;

  // NotFound: nobody knows it any more; the store may.
  absl::StatusOr<ExecutionPtr> Get(std::string_view id) const;
  // Pending, running and lately ended ones, the newest first.
  std::vector<ExecutionPtr> List() const;
  // NotFound, as Get. One that has ended stays as it is.
  absl::Status Cancel(std::string_view id, std::string_view reason);

  // Called with each change of any execution, on the engine's thread; quick. An empty function ends
  // it: no call is under way when this returns.
  void SetListener(std::function<void(const ExecutionPtr&)> listener);

  // A runner that had no room has some.
  void OnRoom();

  WorkflowStatistics statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace daemoneye::analysis
