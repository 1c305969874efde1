#include "services/collector_gateway/gateway_alerts.h"

#include <fmt/format.h>

#include <utility>

#include "libs/base/status_macros.h"
#include "services/collector_gateway/alert_metrics.h"
#include "services/collector_gateway/sink_list.h"

namespace daemoneye::gateway {
namespace {

// For what is pending when the gateway stops: a store keeps it, memory does not.
constexpr absl::Duration kStopGrace = absl::Milliseconds(100);
constexpr absl::Duration kStopGraceWithoutStore = absl::Milliseconds(500);

}  // namespace

absl::StatusOr<GatewayAlerts::Prepared> GatewayAlerts::Prepare(const config::Config& config,
                                                               base::Clock& clock) {
  Prepared prepared;
  ASSIGN_OR_RETURN(prepared.configs, ParseSinks(config.GetDocument("sinks")));
  for (size_t i = 0; i < prepared.configs.size(); ++i) {
    const alerting::SinkConfig& sink_config = prepared.configs[i];
    absl::StatusOr<std::unique_ptr<alerting::AlertSink>> sink =
        alerting::MakeSink(sink_config, clock);
    if (!sink.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("sinks[{}].{}", i, std::string(sink.status().message())));
    }
    prepared.specs.push_back({.name = sink_config.name,
                              .minimum_severity = sink_config.minimum_severity,
                              .sink = *std::move(sink),
                              .replay_dead = sink_config.replay_dead_letters});
  }
  return prepared;
}

absl::StatusOr<std::unique_ptr<GatewayAlerts>> GatewayAlerts::Create(const config::Config& config,
                                                                     storage::Store* store,
                                                                     metrics::Registry& registry,
                                                                     base::Clock& clock) {
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(config, clock));
  return std::unique_ptr<GatewayAlerts>(
      new GatewayAlerts(std::move(prepared), store, registry, clock));
}

GatewayAlerts::GatewayAlerts(Prepared prepared, storage::Store* store, metrics::Registry& registry,
                             base::Clock& clock)
    : memory_(store == nullptr ? std::make_unique<alerting::MemoryAlertStore>() : nullptr),
      store_(store == nullptr ? *memory_ : store->alerts()),
      outbox_(store_, clock),
      engine_({}, store_, outbox_, clock),
      service_(store_, outbox_, store == nullptr ? nullptr : &store->audit(), clock),
      first_(std::move(prepared)),
      metrics_(AddAlertMetrics(registry, engine_, outbox_, memory_.get())) {
  engine_.SetListener([this] { service_.OnAlert(); });
}

GatewayAlerts::~GatewayAlerts() { Stop(); }

absl::Status GatewayAlerts::Start() {
  RETURN_IF_ERROR(outbox_.SetSinks(std::move(first_.specs)));
  configs_ = std::move(first_.configs);
  engine_.Start();
  return absl::OkStatus();
}

void GatewayAlerts::Stop() {
  engine_.Stop();
  outbox_.Stop(memory_ == nullptr ? kStopGrace : kStopGraceWithoutStore);
  service_.Drain();
}

absl::Status GatewayAlerts::Commit(Prepared prepared) {
  if (prepared.configs != configs_) {
    RETURN_IF_ERROR(outbox_.SetSinks(std::move(prepared.specs)));
    configs_ = std::move(prepared.configs);
  }
  outbox_.Reopen();
  return absl::OkStatus();
}

std::vector<std::string> GatewayAlerts::Problems() const {
  std::vector<std::string> problems;
  const alerting::AlertStatistics statistics = engine_.statistics();
  if (!statistics.store_error.empty()) {
    problems.push_back(fmt::format("alerts are not stored: {}", statistics.store_error));
  }
  for (const alerting::SinkStatus& sink : outbox_.statuses()) {
    if (sink.breaker == alerting::BreakerState::kClosed) continue;
    problems.push_back(fmt::format("sink {} has failed {} times in a row, {} alerts wait: {}",
                                   sink.name, sink.failures_in_a_row, sink.pending,
                                   sink.last_error));
  }
  return problems;
}

}  // namespace daemoneye::gateway
