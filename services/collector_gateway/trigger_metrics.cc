#include "services/collector_gateway/trigger_metrics.h"

#include <functional>
#include <map>
#include <string>

#include "absl/time/time.h"

namespace daemoneye::gateway {
namespace {

using metrics::MetricType;
using metrics::SampleSink;

constexpr size_t kMaxTriggerLabels = 500;

// TriggerStatistics.suppressed's closed set.
constexpr const char* kReasons[] = {"excepted", "muted",      "rate_limited", "duplicate",
                                    "too_deep", "queue_full", "shed"};

// One sample a trigger.
void TellByTrigger(const trigger::TriggerEngine& engine, const SampleSink& sink,
                   double (*value)(const v1::TriggerStatistics&)) {
  double others = 0;
  size_t count = 0;
  for (const v1::TriggerStatistics& statistics : engine.Statistics()) {
    if (++count <= kMaxTriggerLabels) {
      sink({{"trigger", statistics.trigger_id()}}, value(statistics));
    } else {
      others += value(statistics);
    }
  }
  if (count > kMaxTriggerLabels) sink({{"trigger", "other"}}, others);
}

void TellSuppressed(const trigger::TriggerEngine& engine, const SampleSink& sink) {
  std::map<std::string, double> total;
  for (const char* reason : kReasons) total[reason] = 0;
  for (const v1::TriggerStatistics& statistics : engine.Statistics()) {
    for (const auto& [reason, count] : statistics.suppressed()) {
      total[reason] += static_cast<double>(count);
    }
  }
  for (const auto& [reason, count] : total) sink({{"reason", reason}}, count);
}

}  // namespace

std::vector<metrics::CallbackHandle> AddTriggerMetrics(metrics::Registry& registry,
                                                       const trigger::TriggerEngine& engine) {
  std::vector<metrics::CallbackHandle> handles;
  const auto by_trigger = [&](const char* name, const char* help,
                              double (*value)(const v1::TriggerStatistics&)) {
    handles.push_back(registry.AddCallback(
        name, help, MetricType::kCounter,
        std::function<void(const SampleSink&)>(
            [&engine, value](const SampleSink& sink) { TellByTrigger(engine, sink, value); })));
  };
  by_trigger("trigger_evaluations_total", "Events that the trigger was asked about.",
             [](const v1::TriggerStatistics& s) { return static_cast<double>(s.evaluated()); });
  by_trigger("trigger_matches_total", "Matches, before anything suppressed them.",
             [](const v1::TriggerStatistics& s) { return static_cast<double>(s.matched()); });
  by_trigger("trigger_errors_total", "Evaluations that failed or were cut off.",
             [](const v1::TriggerStatistics& s) { return static_cast<double>(s.errors()); });
  by_trigger("trigger_cpu_seconds_total", "CPU time of the trigger's statement.",
             [](const v1::TriggerStatistics& s) {
               return static_cast<double>(s.cpu_time().seconds()) + s.cpu_time().nanos() * 1e-9;
             });
  handles.push_back(registry.AddCallback(
      "trigger_suppressed_total", "Matches that went nowhere, by reason.", MetricType::kCounter,
      std::function<void(const SampleSink&)>(
          [&engine](const SampleSink& sink) { TellSuppressed(engine, sink); })));
  const auto one = [&](const char* name, const char* help, MetricType type,
                       std::function<double()> value) {
    handles.push_back(registry.AddCallback(name, help, type, std::move(value)));
  };
  one("triggers", "Triggers that are evaluated.", MetricType::kGauge,
      [&engine] { return static_cast<double>(engine.Gauges().triggers); });
  one("triggers_suspended", "Triggers that were stopped because they cost too much.",
      MetricType::kGauge, [&engine] { return static_cast<double>(engine.Gauges().suspended); });
  one("trigger_missed_events_total", "Events that went past before triggers could see them.",
      MetricType::kCounter, [&engine] { return static_cast<double>(engine.missed_events()); });
  one("trigger_timeouts_total", "Requests that no target took in time.", MetricType::kCounter,
      [&engine] { return static_cast<double>(engine.Queue().timed_out); });
  const auto queue = [&](const char* name, const char* help,
                         double (*value)(const trigger::QueueStatistics&)) {
    handles.push_back(registry.AddCallback(
        name, help, MetricType::kGauge,
        std::function<void(const SampleSink&)>([&engine, value](const SampleSink& sink) {
          sink({{"queue", "trigger_requests"}}, value(engine.Queue()));
        })));
  };
  queue("queue_length", "What waits in a queue now.",
        [](const trigger::QueueStatistics& q) { return static_cast<double>(q.depth); });
  queue("queue_capacity", "What a queue may hold.",
        [](const trigger::QueueStatistics& q) { return static_cast<double>(q.capacity); });
  return handles;
}

}  // namespace daemoneye::gateway
