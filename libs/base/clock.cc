#include "libs/base/clock.h"

#include "absl/time/clock.h"

namespace daemoneye::base {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  Monotonic MonotonicNow() const override { return std::chrono::steady_clock::now(); }
  bool WaitUntil(CondVar& cv, Mutex& mu, Monotonic deadline) override REQUIRES(mu) {
    return cv.WaitUntil(mu, deadline);
  }
};

}  // namespace

bool Clock::SleepFor(absl::Duration d, std::stop_token stop) {
  Mutex mu;
  CondVar cv;
  std::stop_callback wake(stop, [&] {
    MutexLock lock(mu);
    cv.NotifyAll();
  });
  const Monotonic deadline = MonotonicNow() + d;
  MutexLock lock(mu);
  while (!stop.stop_requested() && MonotonicNow() < deadline) {
    WaitUntil(cv, mu, deadline);
  }
  return !stop.stop_requested();
}

Clock& Clock::Real() {
  static auto* const clock = new RealClock;
  return *clock;
}

}  // namespace daemoneye::base
