// What the trigger engine counts, on the Prometheus page.
#pragma once

#include <vector>

#include "libs/metrics/registry.h"
#include "libs/trigger/trigger_engine.h"

namespace daemoneye::gateway {

// Registers them; they last as long as what is returned, which `engine` outlives. The label
// `trigger` is the id of a trigger that there is: beyond 500 of them, "other" stands for the rest.
[[nodiscard]] std::vector<metrics::CallbackHandle> AddTriggerMetrics(
    metrics::Registry& registry, const trigger::TriggerEngine& engine);

}  // namespace daemoneye::gateway
