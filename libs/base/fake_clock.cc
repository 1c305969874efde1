#include "libs/base/fake_clock.h"

#include <algorithm>

namespace daemoneye::base {

absl::Time FakeClock::Now() const {
  MutexLock lock(mu_);
  return now_;
}

Monotonic FakeClock::MonotonicNow() const {
  MutexLock lock(mu_);
  return monotonic_;
}

bool FakeClock::WaitUntil(CondVar& cv, Mutex& mu, Monotonic deadline) {
  {
    MutexLock lock(mu_);
    if (monotonic_ >= deadline) return false;
    waiters_.push_back({&cv, &mu, deadline});
    waiters_changed_.NotifyAll();
  }
  cv.Wait(mu);
  MutexLock lock(mu_);
  waiters_.erase(std::find_if(waiters_.begin(), waiters_.end(), [&](const Waiter& w) {
    return w.cv == &cv && w.deadline == deadline;
  }));
  return monotonic_ < deadline;
}

void FakeClock::Advance(absl::Duration d) {
  std::vector<Waiter> due;
  {
    MutexLock lock(mu_);
    now_ += d;
    monotonic_ = monotonic_ + d;
    for (const Waiter& w : waiters_) {
      if (w.deadline <= monotonic_) due.push_back(w);
    }
  }
  // The waiter registers while it holds its own mutex and gives it up only in Wait: taking that
  // mutex here means the notification cannot come too early.
  for (const Waiter& w : due) {
    MutexLock lock(*w.mu);
    w.cv->NotifyAll();
  }
}

void FakeClock::AwaitWaiters(int count) {
  MutexLock lock(mu_);
  while (static_cast<int>(waiters_.size()) < count) waiters_changed_.Wait(mu_);
}

int FakeClock::waiter_count() const {
  MutexLock lock(mu_);
  return static_cast<int>(waiters_.size());
}

}  // namespace daemoneye::base
