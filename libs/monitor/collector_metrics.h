// CollectorMetrics: what a monitor's collector counts, on the Prometheus page.
#pragma once

#include <vector>

#include "libs/collector/collector.h"
#include "libs/metrics/registry.h"

namespace daemoneye::monitor {

// Registers them; they last as long as what is returned, and the collector outlives that.
[[nodiscard]] std::vector<metrics::CallbackHandle> AddCollectorMetrics(
    metrics::Registry& registry, const collector::Collector& collector);

}  // namespace daemoneye::monitor
