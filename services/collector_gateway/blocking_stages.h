// BlockingStages: runs what stages of a workflow wait for (monitors, queries) on a few threads of
// its own, so that WorkflowEngine's thread never does.
//
// Give each kind of work its own: monitors that hang then hold up no query, and slow queries no
// look-up.
//
// Lifecycle:  runs from construction until Stop.
// Threads:    owns Options::threads. All methods from any.
// Ownership:  borrows the clock. A call may outlive it.
// Bounds:     Options::threads under way and Options::queue that wait; beyond there is no room, and
//             on_room tells when there is some again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/analysis/stage_runner.h"
#include "libs/base/clock.h"
#include "libs/base/thread.h"

namespace daemoneye::gateway {

class BlockingStages {
 public:
  struct Options {
    // Of the threads: "<name>-<number>".
    std::string name = "stage";
    size_t threads = 4;
    // Kept short: what waits here is passed by nothing that is more urgent.
    size_t queue = 4;
  };
  struct Statistics {
    size_t running = 0;
    size_t waiting = 0;
    uint64_t refused = 0;
  };

  // Does the work, in at most `left`; returns soon after a stop was requested.
  using Work = std::function<analysis::StageOutcome(absl::Duration left, std::stop_token stop)>;
  using StageWork =
      std::function<analysis::StageOutcome(const analysis::StageWork& work, std::stop_token stop)>;

  BlockingStages(const Options& options, base::Clock& clock);
  ~BlockingStages() { Stop(); }
  BlockingStages(const BlockingStages&) = delete;
  BlockingStages& operator=(const BlockingStages&) = delete;

  // Without a call: no room now. Cancel requests a stop, or takes back what has not begun: then the
  // outcome is Cancelled. `done` is called exactly once; DeadlineExceeded where `timeout` passed
  // before the work could begin.
  analysis::Begun Begin(absl::Duration timeout, Work work, analysis::StageRunner::Done done);
  // The same for an attempt at a stage; `run` sees what is left of its timeout.
  analysis::Begun Begin(const analysis::StageWork& work, StageWork run,
                        analysis::StageRunner::Done done);

  // The same for who has a bound of its own, in addition to the pool's: there is always room.
  std::unique_ptr<analysis::StageCall> BeginBounded(absl::Duration timeout, Work work,
                                                    analysis::StageRunner::Done done);

  // Called when there is room again after there was none, on any thread; quick. An empty function
  // ends it: no call is under way when this returns.
  void SetOnRoom(std::function<void()> on_room);

  // Stops what runs and waits for it; what waits is Unavailable. Idempotent.
  void Stop();

  Statistics statistics() const;

 private:
  enum class Bound { kPool, kCaller };

  std::unique_ptr<analysis::StageCall> Add(absl::Duration timeout, Work work,
                                           analysis::StageRunner::Done done, Bound bound);

  class Core;
  class Call;

  const std::shared_ptr<Core> core_;
  std::vector<base::Thread> threads_;
};

// A call that has ended already.
std::unique_ptr<analysis::StageCall> EndedCall();

}  // namespace daemoneye::gateway
