#include "services/collector_gateway/gateway_metrics.h"

#include <functional>
#include <string>

#include "libs/event/event.h"

namespace daemoneye::gateway {
namespace {

using metrics::MetricType;
using metrics::SampleSink;

}  // namespace

std::vector<metrics::CallbackHandle> AddGatewayMetrics(metrics::Registry& registry,
                                                       const LinkSet& links) {
  std::vector<metrics::CallbackHandle> handles;
  // One sample a link.
  const auto add = [&](const char* name, const char* help, MetricType type,
                       double (*value)(const MonitorLink::Status&)) {
    handles.push_back(registry.AddCallback(
        name, help, type,
        std::function<void(const SampleSink&)>([&links, value](const SampleSink& sink) {
          for (const MonitorLink::Status& link : links.statuses()) {
            sink({{"monitor", link.address}}, value(link));
          }
        })));
  };
  add("monitor_up", "1 while the monitor's events flow.", MetricType::kGauge,
      [](const MonitorLink::Status& s) {
        return s.state == v1::MONITOR_STATE_STREAMING ? 1.0 : 0.0;
      });
  add("gateway_gaps_total", "Gaps in the monitor's sequence.", MetricType::kCounter,
      [](const MonitorLink::Status& s) { return static_cast<double>(s.counts.gaps); });
  add("gateway_lost_events_total", "Events lost in those gaps.", MetricType::kCounter,
      [](const MonitorLink::Status& s) { return static_cast<double>(s.counts.lost); });
  add("gateway_reconnects_total", "Times the link was dialled again.", MetricType::kCounter,
      [](const MonitorLink::Status& s) { return static_cast<double>(s.reconnects); });
  handles.push_back(registry.AddCallback(
      "gateway_events_received_total", "Events taken over from the monitor, by kind.",
      MetricType::kCounter,
      std::function<void(const SampleSink&)>([&links](const SampleSink& sink) {
        for (const MonitorLink::Status& link : links.statuses()) {
          for (int kind = v1::EVENT_KIND_PROCESS; kind < v1::EVENT_KIND_CONTROL; ++kind) {
            sink({{"monitor", link.address},
                  {"kind", std::string(event::KindName(static_cast<v1::EventKind>(kind)))}},
                 static_cast<double>(link.counts.accepted_by_kind[kind]));
          }
        }
      })));
  handles.push_back(registry.AddCallback(
      "events_dropped_total", "Events not taken over, by stage and reason.", MetricType::kCounter,
      std::function<void(const SampleSink&)>([&links](const SampleSink& sink) {
        LinkCounts total = links.retired();
        for (const MonitorLink::Status& link : links.statuses()) total.Add(link.counts);
        for (int i = 0; i < kRejectionCount; ++i) {
          sink({{"stage", "link"},
                {"reason", std::string(RejectionName(static_cast<Rejection>(i)))}},
               static_cast<double>(total.rejected[i]));
        }
      })));
  return handles;
}

}  // namespace daemoneye::gateway
