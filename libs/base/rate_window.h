// RateWindow: how much was accepted in the last 60 s, to the second.
//
// Threads: compatible.
// Cost:    256 bytes.
#pragma once

#include <array>
#include <cstdint>

#include "libs/base/clock.h"

namespace daemoneye::base {

class RateWindow {
 public:
  static constexpr int64_t kSeconds = 60;

  // Accepted in the 60 s that end with `now`.
  uint32_t Count(Monotonic now) {
    Advance(now);
    return total_;
  }
  void Add(Monotonic now) {
    Advance(now);
    ++counts_[last_ % kSeconds];
    ++total_;
  }

 private:
  void Advance(Monotonic now) {
    const int64_t second =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    if (second <= last_) return;
    const int64_t steps = second - last_ < kSeconds ? second - last_ : kSeconds;
    for (int64_t i = 1; i <= steps; ++i) {
      uint32_t& count = counts_[(last_ + i) % kSeconds];
      total_ -= count;
      count = 0;
    }
    last_ = second;
  }

  std::array<uint32_t, kSeconds> counts_{};
  uint32_t total_ = 0;
  int64_t last_ = 0;
};

}  // namespace daemoneye::base
