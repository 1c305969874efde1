// What alerts and their sinks count, on the Prometheus page.
#pragma once

#include <vector>

#include "libs/alerting/alert_engine.h"
#include "libs/alerting/memory_alert_store.h"
#include "libs/alerting/outbox.h"
#include "libs/metrics/registry.h"

namespace daemoneye::gateway {

// Registers them; they last as long as what is returned, which all that is given outlives. `memory`
// may be null. The label `sink` is a sink's name in the configuration.
[[nodiscard]] std::vector<metrics::CallbackHandle> AddAlertMetrics(
    metrics::Registry& registry, const alerting::AlertEngine& engine,
    const alerting::Outbox& outbox, const alerting::MemoryAlertStore* memory);

}  // namespace daemoneye::gateway
