// BusMetrics: the metrics of a server's event bus.
#pragma once

#include <vector>

#include "libs/event_bus/event_bus.h"
#include "libs/metrics/registry.h"

namespace daemoneye::monitor {

// Ownership: borrows the registry and the bus, which outlive it.
class BusMetrics {
 public:
  BusMetrics(metrics::Registry& registry, const event_bus::EventBus& bus);

 private:
  std::vector<metrics::CallbackHandle> callbacks_;
};

}  // namespace daemoneye::monitor
