#include "services/collector_gateway/alert_metrics.h"

#include <functional>
#include <string>

#include "libs/alerting/alert_text.h"

namespace daemoneye::gateway {
namespace {

using alerting::AlertStatistics;
using alerting::SinkStatus;
using metrics::MetricType;
using metrics::SampleSink;
using Collect = std::function<void(const SampleSink&)>;

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

void CollectDeliveries(const alerting::Outbox& outbox, const SampleSink& sample) {
  for (const SinkStatus& sink : outbox.statuses()) {
    sample({{"sink", sink.name}, {"status", "delivered"}}, static_cast<double>(sink.delivered));
    sample({{"sink", sink.name}, {"status", "failed"}}, static_cast<double>(sink.failed));
    sample({{"sink", sink.name}, {"status", "dead"}}, static_cast<double>(sink.dead));
  }
}

}  // namespace

std::vector<metrics::CallbackHandle> AddAlertMetrics(metrics::Registry& registry,
                                                     const alerting::AlertEngine& engine,
                                                     const alerting::Outbox& outbox,
                                                     const alerting::MemoryAlertStore* memory) {
  std::vector<metrics::CallbackHandle> handles;
  const auto add = [&](const char* name, const char* help, MetricType type, Collect collect) {
    handles.push_back(registry.AddCallback(name, help, type, std::move(collect)));
  };
  const auto add_count = [&](const char* name, const char* help,
                             uint64_t AlertStatistics::* count) {
    add(name, help, MetricType::kCounter, [&engine, count](const SampleSink& sample) {
      sample({}, static_cast<double>(engine.statistics().*count));
    });
  };
  add("alerts_total", "Alerts that were accepted, by severity.", MetricType::kCounter,
      [&engine](const SampleSink& sample) {
        const AlertStatistics statistics = engine.statistics();
        for (int s = v1::SEVERITY_INFO; s <= v1::SEVERITY_CRITICAL; ++s) {
          sample({{"severity", LowerCase(alerting::SeverityName(static_cast<v1::Severity>(s)))}},
                 static_cast<double>(statistics.accepted[static_cast<size_t>(s)]));
        }
      });
  add_count("alerts_suppressed_total", "Alerts held back: like one raised a moment ago.",
            &AlertStatistics::suppressed);
  add_count("alerts_shed_total", "Alerts not accepted: the queue was full.",
            &AlertStatistics::shed);
  add_count("alerts_repeated_total", "Alerts raised again that are stored already.",
            &AlertStatistics::repeated);
  add_count("alerts_lost_total", "Alerts accepted that the store never took.",
            &AlertStatistics::lost);
  add("alert_queue_bytes", "Alerts that wait to be stored, serialised.", MetricType::kGauge,
      [&engine](const SampleSink& sample) {
        sample({}, static_cast<double>(engine.statistics().queue_bytes));
      });
  add("alert_queue_capacity_bytes", "Bound of alert_queue_bytes.", MetricType::kGauge,
      [&engine](const SampleSink& sample) {
        sample({}, static_cast<double>(engine.statistics().queue_capacity_bytes));
      });
  add("alert_deliveries_total", "Attempts to give a sink an alert, and alerts given up (dead).",
      MetricType::kCounter,
      [&outbox](const SampleSink& sample) { CollectDeliveries(outbox, sample); });
  add("alert_outbox_length", "Alerts that a sink has yet to be given.", MetricType::kGauge,
      [&outbox](const SampleSink& sample) {
        for (const SinkStatus& sink : outbox.statuses()) {
          sample({{"sink", sink.name}}, static_cast<double>(sink.pending));
        }
      });
  add("alert_sink_up", "0 while a sink's breaker is open: it failed five times in a row.",
      MetricType::kGauge, [&outbox](const SampleSink& sample) {
        for (const SinkStatus& sink : outbox.statuses()) {
          sample({{"sink", sink.name}}, sink.breaker == alerting::BreakerState::kClosed ? 1 : 0);
        }
      });
  if (memory != nullptr) {
    add("alert_deliveries_forgotten_total",
        "Pending deliveries that had to make room in memory (no --data_dir).", MetricType::kCounter,
        [memory](const SampleSink& sample) {
          sample({}, static_cast<double>(memory->lost_deliveries()));
        });
  }
  return handles;
}

}  // namespace daemoneye::gateway
