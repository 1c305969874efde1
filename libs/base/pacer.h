// Pacer: how far apart a stream's writes are, from the rate of its events.
//
// A write costs 40-50 µs of CPU whatever is in it, so writes are 1 ms apart at up to 3,500
// events/s, which are 1,000 short-lived processes, and 10 ms from 5,000: in between with the rate.
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
    constexpr double kSlowRate = 3500, kFastRate = 5000;
    const double part = (rate_per_second_ - kSlowRate) / (kFastRate - kSlowRate);
    return absl::Milliseconds(std::clamp(1.0 + 9.0 * part, 1.0, 10.0));
  }

 private:
  static constexpr absl::Duration kWindow = absl::Milliseconds(100);

  Monotonic window_start_;
  uint64_t events_ = 0;
  double rate_per_second_ = 0;
};

}  // namespace daemoneye::base
