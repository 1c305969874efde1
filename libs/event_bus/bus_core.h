// BusCore: what a LocalEventBus and its subscriptions share: the ring, and who waits for it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/event_bus/event_ring.h"

namespace daemoneye::event_bus {

class LocalSubscription;

// A subscriber's on_ready, which a publisher may be about to call while the subscription goes away.
struct WakeUp {
  base::Mutex mu;
  std::function<void()> call GUARDED_BY(mu);  // empty once the subscription is gone

  void Run() {
    base::MutexLock lock(mu);
    if (call) call();
  }
  void Cancel() {
    base::MutexLock lock(mu);
    call = nullptr;
  }
};

using WakeUps = absl::InlinedVector<std::shared_ptr<WakeUp>, 4>;

struct BusCore {
  BusCore(const EventRingOptions& options, base::Clock& clock) : clock(clock), ring(options) {}

  base::Clock& clock;
  // Held for moments: no filter, no parsing, no callback under it.
  mutable base::Mutex mu;
  base::CondVar appended;
  EventRing ring GUARDED_BY(mu);
  std::vector<LocalSubscription*> subscriptions GUARDED_BY(mu);
  std::vector<LocalSubscription*> armed GUARDED_BY(mu);
  size_t sql_filters GUARDED_BY(mu) = 0;
};

}  // namespace daemoneye::event_bus
