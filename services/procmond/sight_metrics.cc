#include "services/procmond/sight_metrics.h"

#include <cstdint>

namespace daemoneye::procmond {

using process::SightStatistics;

std::function<void(absl::Duration)> AddCanaryLatency(metrics::Registry& registry,
                                                     const std::string& source) {
  return [latency = registry.AddHistogram(
              "canary_latency_seconds",
              "From the start of a process, made to prove sight, to its EXEC on the bus.",
              metrics::LatencyBuckets(), {{"source", source}})](absl::Duration taken) mutable {
    latency.Observe(absl::ToDoubleSeconds(taken));
  };
}

std::vector<metrics::CallbackHandle> AddSightMetrics(
    metrics::Registry& registry, const std::string& source,
    const std::function<SightStatistics()>& statistics) {
  std::vector<metrics::CallbackHandle> handles;
  const auto add = [&](const char* name, const char* help, uint64_t SightStatistics::* count) {
    handles.push_back(registry.AddCallback(
        name, help, metrics::MetricType::kCounter,
        std::function<void(const metrics::SampleSink&)>(
            [source, statistics, count](const metrics::SampleSink& sink) {
              sink({{"source", source}}, static_cast<double>(statistics().*count));
            })));
  };
  add("canaries_total", "Processes started to prove that a live source sees.",
      &SightStatistics::canaries);
  add("canary_misses_total", "Those of them that did not come back in time.",
      &SightStatistics::canary_misses);
  add("sight_mismatches_total",
      "Checks that found the kernel to have begun what the source missed.",
      &SightStatistics::mismatches);
  add("probe_forks_total",
      "Processes and threads that a live source saw begin: it grows as kernel_forks_total does.",
      &SightStatistics::tasks_seen);
  return handles;
}

}  // namespace daemoneye::procmond
