// RateLimited: at most one log line an interval, with the count of those it swallowed.
//
// One a place in the code: a member, or a static. The first call logs; the first one after the
// interval logs with suppressed=N.
//
// Threads:    any.
// Ownership:  borrows the clock.
// Cost:       a suppressed call reads the clock and does one atomic add.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/logging/field.h"
#include "libs/logging/level.h"

namespace daemoneye::logging {

class RateLimited {
 public:
  explicit RateLimited(absl::Duration interval, base::Clock& clock = base::Clock::Real());

  void Log(Level level, std::string_view message, std::initializer_list<Field> fields = {});

  // Lines swallowed since the last one that went out.
  uint64_t suppressed() const { return suppressed_.load(std::memory_order_relaxed); }

 private:
  // Whether a line may go out now, and how many it stands for besides itself.
  bool Admit(uint64_t& suppressed);

  const int64_t interval_ns_;
  base::Clock& clock_;
  std::atomic<int64_t> next_ns_{0};
  std::atomic<uint64_t> suppressed_{0};
};

}  // namespace daemoneye::logging
