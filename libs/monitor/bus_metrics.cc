#include "libs/monitor/bus_metrics.h"

#include <functional>

namespace daemoneye::monitor {

using event_bus::BusStatistics;

BusMetrics::BusMetrics(metrics::Registry& registry, const event_bus::EventBus& bus) {
  const auto gauge = [&](const char* name, const char* help,
                         std::function<double(const BusStatistics&)> value) {
    callbacks_.push_back(registry.AddCallback(
        name, help, metrics::MetricType::kGauge,
        std::function<double()>([&bus, value] { return value(bus.statistics()); })));
  };
  gauge("subscribers", "Streams open now.",
        [](const BusStatistics& s) { return static_cast<double>(s.subscribers.size()); });
  gauge("ring_bytes", "Bytes of events that the ring holds.",
        [](const BusStatistics& s) { return static_cast<double>(s.ring_bytes); });
  gauge("ring_capacity_bytes", "Bytes of events that the ring may hold.",
        [](const BusStatistics& s) { return static_cast<double>(s.ring_capacity_bytes); });
  gauge("state_entries", "Living processes and connections in the current state.",
        [](const BusStatistics& s) { return static_cast<double>(s.state_entries); });
  callbacks_.push_back(registry.AddCallback(
      "state_evicted_total", "Entries of the current state given up because its bound was hit.",
      metrics::MetricType::kCounter, std::function<double()>([&bus] {
        return static_cast<double>(bus.statistics().state_evicted);
      })));
}

}  // namespace daemoneye::monitor
