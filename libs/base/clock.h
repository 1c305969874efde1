// Clock: the only way to ask for the time or to wait for it.
//
// Wall time is absl::Time; elapsed time is a Monotonic, which no clock step moves. Code takes a
// Clock& and tests hand it a FakeClock, whose waits end when the test advances it.
#pragma once

#include <chrono>
#include <stop_token>

#include "absl/time/time.h"
#include "libs/base/mutex.h"

namespace daemoneye::base {

// A point of the monotonic clock (CLOCK_MONOTONIC).
using Monotonic = std::chrono::steady_clock::time_point;

inline Monotonic operator+(Monotonic t, absl::Duration d) {
  return t + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                 absl::ToChronoNanoseconds(d));
}
inline absl::Duration Elapsed(Monotonic from, Monotonic to) { return absl::FromChrono(to - from); }

class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time.
  virtual absl::Time Now() const = 0;
  virtual Monotonic MonotonicNow() const = 0;

  // Waits on `cv` (whose mutex `mu` the caller holds) until notified or until `deadline`; false
  // when it passed. May wake spuriously.
  virtual bool WaitUntil(CondVar& cv, Mutex& mu, Monotonic deadline) REQUIRES(mu) = 0;

  // Sleeps for `d` or until `stop`; false when stopped.
  bool SleepFor(absl::Duration d, std::stop_token stop);

  // The machine's clock; never destroyed.
  static Clock& Real();
};

}  // namespace daemoneye::base
