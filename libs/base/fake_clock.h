// FakeClock: a Clock that stands still until a test advances it.
#pragma once

#include <vector>

#include "libs/base/clock.h"

namespace daemoneye::base {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000)) : now_(now) {}

  absl::Time Now() const override;
  Monotonic MonotonicNow() const override;
  bool WaitUntil(CondVar& cv, Mutex& mu, Monotonic deadline) override REQUIRES(mu);

  // Moves both clocks and wakes every waiter whose deadline is reached.
  void Advance(absl::Duration d);

  // Blocks until `count` threads wait on this clock, so that a test advances it only when they do.
  void AwaitWaiters(int count);

  int waiter_count() const;

 private:
  struct Waiter {
    CondVar* cv;
    Mutex* mu;
    Monotonic deadline;
  };

  mutable Mutex mu_;
  CondVar waiters_changed_;
  absl::Time now_ GUARDED_BY(mu_);
  Monotonic monotonic_ GUARDED_BY(mu_){std::chrono::hours(1)};
  std::vector<Waiter> waiters_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::base
