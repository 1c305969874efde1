// CostWatch: whether one trigger keeps costing more than it may.
//
// Too much is either of: evaluations that are cut off, again and again within a minute; a share of
// a core, over half a minute, while its events are dear one by one, too. What is cheap and only
// asked often, as by a gateway that catches up, is no fault of the trigger.
//
// Threads: compatible.
// Cost:    1 KiB for a trigger that costs something.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace daemoneye::trigger {

struct CostLimits {
  // Evaluations cut off within kCutOffTime.
  uint64_t max_cut_offs = 10;
  // Of one core over kShareTime, where an event takes dear_event or more.
  double max_cpu_ratio = 0.2;
  absl::Duration dear_event = absl::Microseconds(50);
};

class CostWatch {
 public:
  static constexpr absl::Duration kCutOffTime = absl::Minutes(1);
  static constexpr absl::Duration kShareTime = absl::Seconds(30);

  explicit CostWatch(const CostLimits& limits = {}) : limits_(limits) {}

  // Why the trigger is to be suspended, if it is. Both take its totals so far; smaller ones than
  // before are those of a new set, which begins at 0.
  std::optional<std::string> AddCutOffs(uint64_t total, const std::string& last_error,
                                        base::Monotonic now);
  // About once a second. `cpu_time` may be of the wall clock: the `cpu_ratio` of it counts, which
  // is what the thread really ran.
  std::optional<std::string> AddCost(absl::Duration cpu_time, uint64_t evaluated, double cpu_ratio,
                                     base::Monotonic now);

 private:
  struct Cost {
    base::Monotonic time;
    absl::Duration cpu_time;
    uint64_t evaluated;
  };

  CostLimits limits_;
  std::deque<std::pair<base::Monotonic, uint64_t>> cut_offs_;
  uint64_t last_cut_offs_ = 0;
  std::deque<Cost> costs_;
  absl::Duration last_cpu_time_;
  uint64_t last_evaluated_ = 0;
};

}  // namespace daemoneye::trigger
