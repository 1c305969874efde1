// GatewayTriggers: a gateway's triggers, put together: engine, definitions, the thread that feeds
// the log to them, what becomes of matches, service and metrics.
//
// Lifecycle:  Create, Start, Stop; service() is registered with a server that ends in between Stop
//             and the destructor.
// Threads:    Start, Prepare, Commit and Stop from one; the rest from any.
// Ownership:  borrows all of GatewayTriggerPorts, which outlives it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/config/config.h"
#include "libs/metrics/registry.h"
#include "libs/storage/store.h"
#include "libs/trigger/trigger_engine.h"
#include "services/collector_gateway/match_dispatch.h"
#include "services/collector_gateway/trigger_config.h"
#include "services/collector_gateway/trigger_registry.h"
#include "services/collector_gateway/trigger_runner.h"
#include "services/collector_gateway/trigger_service.h"

namespace daemoneye::gateway {

struct GatewayTriggerPorts {
  event_bus::EventBus& bus;
  metrics::Registry& metrics;
  base::Clock& clock;
  // Null: nothing is kept.
  storage::Store* store = nullptr;
  std::function<void(alerting::AlertDraft)> raise;
  std::function<v1::Completeness()> completeness;
  // MatchDispatchPorts::start.
  std::function<absl::Status(const trigger::TriggerMatch&)> start;
  // Whether a trigger's analyzer or workflow is there, and can do it.
  std::function<absl::Status(const v1::Trigger&)> check_target;
  std::function<void()> on_problem;
};

class GatewayTriggers {
 public:
  // InvalidArgument: `triggers`, `lists`, `overrides`, named.
  static absl::StatusOr<std::unique_ptr<GatewayTriggers>> Create(const config::Config& config,
                                                                 GatewayTriggerPorts ports);

  // Begins to evaluate what the bus publishes from now on.
  absl::Status Start() { return runner_.Start(); }
  // No match follows; what waited for room is told.
  void Stop() {
    runner_.Stop();
    engine_.GiveUpQueued();
  }

  // The triggers of a new configuration; on an error nothing of it is in force.
  absl::Status Reload(const config::Config& config);

  // The store can be read now, which it could not at the start.
  absl::Status LoadStored() { return registry_.LoadStored(); }

  // A monitor's state came to the bus.
  void ShowState() { runner_.ShowState(); }

  TriggerService& service() { return service_; }
  const trigger::TriggerEngine& engine() const { return engine_; }
  const TriggerRegistry& registry() const { return registry_; }
  // trigger_request events that were added to the log.
  uint64_t requests() const { return dispatch_.requests(); }
  // One sentence for each trigger that does not run.
  std::vector<std::string> Problems() const { return registry_.Problems(); }

 private:
  explicit GatewayTriggers(const GatewayTriggerPorts& ports);

  MatchDispatch dispatch_;
  trigger::TriggerEngine engine_;
  TriggerRegistry registry_;
  TriggerRunner runner_;
  TriggerService service_;
  std::vector<metrics::CallbackHandle> metrics_;  // last: reads the engine
};

// What --check_config does: the documents are right, the SQL of what the file says compiles, and
// its tests pass.
absl::Status CheckTriggers(const config::Config& config);

}  // namespace daemoneye::gateway
