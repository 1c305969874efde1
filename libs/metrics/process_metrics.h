// process_*: this process's CPU, memory, descriptors, threads and start time, under the names that
// Prometheus' client libraries share.
#pragma once

#include <vector>

#include "libs/metrics/registry.h"

namespace daemoneye::metrics {

// Registers them; they last as long as what is returned.
[[nodiscard]] std::vector<CallbackHandle> AddProcessMetrics(Registry& registry);

}  // namespace daemoneye::metrics
