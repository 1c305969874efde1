#include "libs/monitor/collector_metrics.h"

#include <string>
#include <utility>

#include "libs/event/event.h"

namespace daemoneye::monitor {
namespace {

using collector::CollectorStatistics;
using metrics::MetricType;
using metrics::SampleSink;

constexpr int kKinds = v1::EVENT_KIND_CONTROL;

std::string Kind(int kind) {
  return std::string(event::KindName(static_cast<v1::EventKind>(kind)));
}

void ObservedByKind(const CollectorStatistics& statistics, const SampleSink& sink) {
  for (const collector::SourceCounts& source : statistics.sources) {
    for (int kind = v1::EVENT_KIND_PROCESS; kind < kKinds; ++kind) {
      sink({{"kind", Kind(kind)}, {"source", source.name}},
           static_cast<double>(source.observed_by_kind[kind]));
    }
  }
}

void PublishedByKind(const CollectorStatistics& statistics, const SampleSink& sink) {
  for (int kind = v1::EVENT_KIND_PROCESS; kind < kKinds; ++kind) {
    sink({{"kind", Kind(kind)}}, static_cast<double>(statistics.published_by_kind[kind]));
  }
}

void Dropped(const CollectorStatistics& statistics, const SampleSink& sink) {
  bool has_intake = false;
  for (const collector::DropCount& drop : statistics.dropped) {
    has_intake |= drop.stage == "intake" && drop.reason == "backpressure";
    sink({{"stage", drop.stage}, {"reason", drop.reason}}, static_cast<double>(drop.count));
  }
  if (!has_intake) sink({{"stage", "intake"}, {"reason", "backpressure"}}, 0);
}

}  // namespace

std::vector<metrics::CallbackHandle> AddCollectorMetrics(metrics::Registry& registry,
                                                         const collector::Collector& collector) {
  std::vector<metrics::CallbackHandle> handles;
  const auto add = [&](const char* name, const char* help, MetricType type,
                       void (*collect)(const CollectorStatistics&, const SampleSink&)) {
    handles.push_back(registry.AddCallback(
        name, help, type,
        std::function<void(const SampleSink&)>([&collector, collect](const SampleSink& sink) {
          collect(collector.statistics(), sink);
        })));
  };
  add("events_observed_total", "Events that sources emitted.", MetricType::kCounter,
      ObservedByKind);
  add("events_published_total", "Events that became positions of the log.", MetricType::kCounter,
      PublishedByKind);
  add("events_filtered_total", "Events that the settings left out.", MetricType::kCounter,
      [](const CollectorStatistics& s, const SampleSink& sink) {
        sink({}, static_cast<double>(s.filtered));
      });
  add("events_dropped_total", "Events that a bound shed, by stage and reason.",
      MetricType::kCounter, Dropped);
  add("queue_length", "Events waiting in a queue.", MetricType::kGauge,
      [](const CollectorStatistics& s, const SampleSink& sink) {
        sink({{"queue", "intake"}}, static_cast<double>(s.queue_length));
      });
  add("queue_capacity", "Events that a queue may hold.", MetricType::kGauge,
      [](const CollectorStatistics& s, const SampleSink& sink) {
        sink({{"queue", "intake"}}, static_cast<double>(s.queue_capacity));
      });
  handles.push_back(registry.AddCallback(
      "source_up", "1 while the source runs.", MetricType::kGauge,
      std::function<void(const SampleSink&)>([&collector](const SampleSink& sink) {
        for (const collector::SourceStatus& source : collector.sources()) {
          sink({{"source", source.name}}, source.is_running ? 1 : 0);
        }
      })));
  handles.push_back(registry.AddCallback(
      "source_last_event_timestamp_seconds", "When the source last gave an event, Unix time.",
      MetricType::kGauge,
      std::function<void(const SampleSink&)>([&collector](const SampleSink& sink) {
        for (const collector::SourceStatus& source : collector.sources()) {
          const double when =
              source.last_event_time.has_value()
                  ? absl::ToDoubleSeconds(*source.last_event_time - absl::UnixEpoch())
                  : 0;
          sink({{"source", source.name}}, when);
        }
      })));
  return handles;
}

}  // namespace daemoneye::monitor
