// What the gateway's links count, on the Prometheus page.
#pragma once

#include <vector>

#include "libs/metrics/registry.h"
#include "services/collector_gateway/link_set.h"

namespace daemoneye::gateway {

// Registers them; they last as long as what is returned, which `links` outlives. The label
// `monitor` is the link's address: one value for each address that is configured or resolved.
[[nodiscard]] std::vector<metrics::CallbackHandle> AddGatewayMetrics(metrics::Registry& registry,
                                                                     const LinkSet& links);

}  // namespace daemoneye::gateway
