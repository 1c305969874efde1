#include "services/collector_gateway/gateway_triggers.h"

#include <utility>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "services/collector_gateway/known_processes.h"
#include "services/collector_gateway/trigger_metrics.h"

namespace daemoneye::gateway {
namespace {

// Takes what a check finds, and does nothing.
class NoDispatch final : public trigger::MatchSink {
 public:
  bool OnMatch(const trigger::TriggerMatch& /*match*/) override { return true; }
  void OnTimeout(const trigger::TriggerMatch& /*match*/) override {}
  void OnRateLimited(const trigger::RateLimitNotice& /*notice*/) override {}
  void OnSuspended(const std::string& /*id*/, const std::string& /*reason*/) override {}
};

trigger::EngineOptions EngineOptionsOf(const event_bus::EventBus& bus) {
  trigger::EngineOptions options;
  options.state = [&bus] { return KnownProcesses(bus); };
  return options;
}

}  // namespace

GatewayTriggers::GatewayTriggers(const GatewayTriggerPorts& ports)
    : dispatch_({.bus = ports.bus,
                 .clock = ports.clock,
                 .raise = ports.raise,
                 .completeness = ports.completeness,
                 .start = ports.start,
                 .on_problem = ports.on_problem}),
      engine_(EngineOptionsOf(ports.bus), dispatch_, ports.clock),
      registry_(engine_, ports.store == nullptr ? nullptr : &ports.store->triggers(), ports.clock,
                ports.check_target),
      runner_(ports.bus, engine_, ports.clock),
      service_({.registry = registry_,
                .engine = engine_,
                .clock = ports.clock,
                .audit = ports.store == nullptr ? nullptr : &ports.store->audit(),
                .events = ports.store == nullptr ? nullptr : &ports.store->events(),
                .completeness = ports.completeness}),
      metrics_(AddTriggerMetrics(ports.metrics, engine_)) {}

absl::StatusOr<std::unique_ptr<GatewayTriggers>> GatewayTriggers::Create(
    const config::Config& config, GatewayTriggerPorts ports) {
  ASSIGN_OR_RETURN(TriggerConfig definitions, ReadTriggerConfig(config));
  std::unique_ptr<GatewayTriggers> triggers(new GatewayTriggers(ports));
  RETURN_IF_ERROR(triggers->registry_.Load(std::move(definitions)));
  return triggers;
}

absl::Status GatewayTriggers::Reload(const config::Config& config) {
  ASSIGN_OR_RETURN(TriggerConfig definitions, ReadTriggerConfig(config));
  return registry_.Reload(std::move(definitions));
}

absl::Status CheckTriggers(const config::Config& config) {
  ASSIGN_OR_RETURN(TriggerConfig definitions, ReadTriggerConfig(config));
  // The gateway's own tests run those.
  for (const std::string& id : definitions.untouched) definitions.triggers.erase(id);
  NoDispatch nowhere;
  trigger::TriggerEngine engine({}, nowhere, base::Clock::Real());
  TriggerRegistry registry(engine, nullptr, base::Clock::Real());
  RETURN_IF_ERROR(registry.Load(definitions));
  for (const auto& [id, trigger] : definitions.triggers) {
    const v1::ValidateTriggerResponse answer = registry.Validate(trigger);
    if (answer.problems().empty()) continue;
    const v1::TriggerProblem& problem = answer.problems(0);
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} (trigger {})", definitions.PathOf(id, problem.field()), problem.message(), id));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::gateway
