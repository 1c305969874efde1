// Liveness: whether a server's loops turn: its main thread and its StreamLoop.
//
// Each is judged when the other turns, so that one which hangs is told by the one that does not.
//
// Threads:    OnWake from the loop, MainTurned from main.
// Ownership:  shared with the loop; borrows the clock.
#pragma once

#include <functional>
#include <utility>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/monitor/stream_loop.h"

namespace daemoneye::monitor {

class Liveness final : public StreamLoop::Member {
 public:
  static constexpr absl::Duration kTick = absl::Seconds(1);
  // A loop that has not turned for so long hangs.
  static constexpr absl::Duration kPatience = absl::Seconds(10);

  // `set_alive` is told at every turn; it is quick.
  Liveness(base::Clock& clock, std::function<void(bool)> set_alive)
      : clock_(clock), set_alive_(std::move(set_alive)) {}

  // The main thread turned; it does so at least every kTick.
  void MainTurned() { Turned(/*is_main=*/true); }

  base::Monotonic OnWake() override {
    Turned(/*is_main=*/false);
    return base::operator+(clock_.MonotonicNow(), kTick);
  }

 private:
  void Turned(bool is_main) {
    const base::Monotonic now = clock_.MonotonicNow();
    bool is_alive = false;
    {
      base::MutexLock lock(mu_);
      (is_main ? main_turned_ : loop_turned_) = now;
      is_alive = base::Elapsed(main_turned_, now) < kPatience &&
                 base::Elapsed(loop_turned_, now) < kPatience;
    }
    set_alive_(is_alive);
  }

  base::Clock& clock_;
  const std::function<void(bool)> set_alive_;
  base::Mutex mu_;
  base::Monotonic main_turned_ GUARDED_BY(mu_) = clock_.MonotonicNow();
  base::Monotonic loop_turned_ GUARDED_BY(mu_) = clock_.MonotonicNow();
};

}  // namespace daemoneye::monitor
