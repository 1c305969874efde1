// Budget: cuts a statement off that takes too much CPU time, for one event and for one call.
//
// Counts CPU time of the calling thread, so that a busy machine does not fail an innocent
// statement. Reading that clock is a system call: it is read only where half of the limit has
// passed on the monotonic clock. A run is cut off between half of its limit and the whole of it,
// plus what one SQL function call may take.
//
// Memory is SQLite's of the whole process, so a neighbour's statement counts, too: a limit for what
// runs away, not for what is a little large.
//
// Threads: compatible.
// Cost:    a clock read (25 ns) a check.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace daemoneye::sql {

// How much the calling thread worked so far; a system call.
absl::Duration ThreadCpuTime();

// A limit on CPU time since Start.
class CpuLimit {
 public:
  explicit CpuLimit(absl::Duration limit) : half_(limit / 2) {}

  void Start() { stage_ = Stage::kUnstarted; }
  // `now` is the monotonic clock's. The first call after Start is where it begins to count.
  bool IsExceeded(base::Monotonic now);

 private:
  enum class Stage { kUnstarted, kWall, kCpu };

  const absl::Duration half_;
  Stage stage_ = Stage::kUnstarted;
  base::Monotonic wall_start_;
  absl::Duration cpu_start_;
};

class Budget {
 public:
  // `memory_limit_bytes` 0: memory is not looked at.
  Budget(absl::Duration event_limit, absl::Duration call_limit, size_t memory_limit_bytes)
      : event_(event_limit), call_(call_limit), memory_limit_bytes_(memory_limit_bytes) {}

  void StartCall();
  void StartEvent() { event_.Start(); }

  // False when a limit is exceeded.
  bool Check();
  // Counts work that SQLite does not see, about `units` × 10 ns; false as Check.
  bool Spend(size_t units);

  // Whether the last false was the call's limit.
  bool is_call_exceeded() const { return is_call_exceeded_; }
  // Whether it was memory.
  bool is_memory_exceeded() const { return is_memory_exceeded_; }

 private:
  CpuLimit event_;
  CpuLimit call_;
  bool IsMemoryExceeded() const;

  const size_t memory_limit_bytes_;
  int64_t memory_before_ = 0;
  size_t units_ = 0;
  bool is_call_exceeded_ = false;
  bool is_memory_exceeded_ = false;
};

}  // namespace daemoneye::sql
