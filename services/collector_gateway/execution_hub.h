// ExecutionHub: wakes who waits for an execution to change: streams, and calls that wait for its
// end.
//
// Lifecycle:  the engine's listener calls OnChange; ends by Stop.
// Threads:    all methods from any. OnChange is quick.
// Ownership:  borrows the loop and the clock, which outlive it.
// Cost:       one message is made of a state of an execution, however many watch it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "libs/analysis/workflow_engine.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/monitor/stream_loop.h"

namespace daemoneye::gateway {

class ExecutionHub {
 public:
  ExecutionHub(monitor::StreamLoop& loop, base::Clock& clock) : loop_(loop), clock_(clock) {}

  void OnChange(const analysis::ExecutionPtr& execution);

  // `stream` is woken with each change of execution `id`.
  void Watch(const std::string& id, monitor::StreamLoop::Id stream);
  void Unwatch(const std::string& id, monitor::StreamLoop::Id stream);

  // The WatchExecutionResponse of a state; shared by all that watch the execution.
  std::shared_ptr<const std::string> MessageOf(const analysis::ExecutionPtr& execution);

  // Changes so far: what was read after this was asked for is as new as these.
  uint64_t changes() const;
  // Blocks until there are more changes than `seen`, until `deadline` or Stop: false.
  bool AwaitChange(uint64_t seen, base::Monotonic deadline);
  void Stop();

 private:
  struct Watched {
    std::vector<monitor::StreamLoop::Id> streams;
    analysis::ExecutionPtr execution;  // that `message` is of
    std::shared_ptr<const std::string> message;
  };

  monitor::StreamLoop& loop_;
  base::Clock& clock_;
  mutable base::Mutex mu_;
  base::CondVar changed_;
  uint64_t changes_ GUARDED_BY(mu_) = 0;
  bool is_stopped_ GUARDED_BY(mu_) = false;
  absl::flat_hash_map<std::string, Watched> watched_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::gateway
