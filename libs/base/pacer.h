// Pacer: how far apart a stream's writes are, from the rate of its events.
//
// A write costs 40-50 µs of CPU whatever is in it, so writes are 1 ms apart at up to 3,000 events/s
// and 10 ms from 12,000: clamp(rate / 1000 - 2, 1, 10) ms.
//
// Threads:  none of its own; one at a time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace daemoneye::base {

class Pacer {
 public:
  // Counts events that were seen now.
  void Record(uint64_t events, Monotonic now) {
    const absl::Duration elapsed = Elapsed(window_start_, now);
    if (elapsed >= kWindow) {
      // What a window counted is the rate, however long ago it ended: after silence it is low.
      rate_per_second_ = static_cast<double>(events_) / absl::ToDoubleSeconds(elapsed);
      events_ = 0;
      window_start_ = now;
    }
    events_ += events;
  }

  absl::Duration Interval() const {
    return absl::Milliseconds(std::clamp(rate_per_second_ / 1000.0 - 2.0, 1.0, 10.0));
  }

 private:
  static constexpr absl::Duration kWindow = absl::Milliseconds(100);

  Monotonic window_start_;
  uint64_t events_ = 0;
  double rate_per_second_ = 0;
};

}  // namespace daemoneye::base
