// What the proof of sight of a live source counts, on the Prometheus page.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/metrics/registry.h"
#include "libs/sources/process/sight_proof.h"

namespace daemoneye::procmond {

// Takes how long each canary took: SightInputs::on_canary.
std::function<void(absl::Duration)> AddCanaryLatency(metrics::Registry& registry,
                                                     const std::string& source);

// Registers the counts; they last as long as what is returned.
[[nodiscard]] std::vector<metrics::CallbackHandle> AddSightMetrics(
    metrics::Registry& registry, const std::string& source,
    const std::function<process::SightStatistics()>& statistics);

}  // namespace daemoneye::procmond
