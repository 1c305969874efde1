// CanaryLine: how a canary is sent through what is to be proven: a process is started, and its EXEC
// awaited at the end of the monitor's own stream.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "libs/base/clock.h"

namespace daemoneye::process {

// What the stream told since it was made. Threads: one.
class CanaryWatch {
 public:
  virtual ~CanaryWatch() = default;

  // Whether the EXEC of `pid` has come. False: not yet, and the watch wakes who made it once there
  // is more to look at. An error: the stream does not tell, so nothing can be said. Never blocks.
  virtual absl::StatusOr<bool> HasCome(uint32_t pid) = 0;
  // Whether anything else of the source has come, as of the last HasCome.
  virtual bool has_progress() const = 0;
};

// A canary that was started.
struct SentCanary {
  uint32_t pid = 0;
  base::Monotonic start;
};

// Threads: one at a time.
class CanaryLine {
 public:
  virtual ~CanaryLine() = default;

  // False: there are no canaries here, or what they do is left out of the stream.
  virtual bool is_open() const = 0;
  // Begins to listen. `wake` is called from any thread, and not once the watch is gone.
  virtual absl::StatusOr<std::unique_ptr<CanaryWatch>> Watch(std::function<void()> wake) = 0;
  // Starts a canary, a child of this process that is marked as `own`.
  virtual absl::StatusOr<SentCanary> Spawn() = 0;
  // Ends it; may wait a moment.
  virtual void Reap() = 0;
};

}  // namespace daemoneye::process
