// GatewayAlerts: a gateway's alerts, put together: engine, outbox, sinks, service and metrics.
//
// Without a store alerts are kept in memory: they go out as ever, and a restart forgets those that
// no sink has taken yet.
//
// Lifecycle:  Create, Start, Stop; service() is registered with a server that ends in between Stop
//             and the destructor.
// Threads:    Start, Prepare, Commit and Stop from one; the rest from any.
// Ownership:  borrows the store, the registry and the clock, which outlive it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/alerting/alert_engine.h"
#include "libs/alerting/memory_alert_store.h"
#include "libs/alerting/outbox.h"
#include "libs/alerting/sink_config.h"
#include "libs/base/clock.h"
#include "libs/config/config.h"
#include "libs/metrics/registry.h"
#include "libs/storage/store.h"
#include "services/collector_gateway/alert_service.h"

namespace daemoneye::gateway {

class GatewayAlerts {
 public:
  // `store` may be null. InvalidArgument: `sinks`, named.
  static absl::StatusOr<std::unique_ptr<GatewayAlerts>> Create(const config::Config& config,
                                                               storage::Store* store,
                                                               metrics::Registry& registry,
                                                               base::Clock& clock);
  ~GatewayAlerts();

  absl::Status Start();
  // Stores what was raised, gives the sinks half a second at most, ends streams and sinks.
  void Stop();

  // The sinks of a new configuration. Nothing changes before Commit, which also has every sink look
  // at its file and its secret anew. InvalidArgument: `sinks`, named.
  struct Prepared {
    std::vector<alerting::SinkConfig> configs;
    std::vector<alerting::SinkSpec> specs;
  };
  static absl::StatusOr<Prepared> Prepare(const config::Config& config, base::Clock& clock);
  absl::Status Commit(Prepared prepared);

  alerting::AlertEngine& engine() { return engine_; }
  AlertService& service() { return service_; }
  // The alerts that are kept, or held in memory.
  const storage::AlertStore& alerts() const { return store_; }

  // One sentence for each thing that keeps alerts from where they are to go.
  std::vector<std::string> Problems() const;

 private:
  GatewayAlerts(Prepared prepared, storage::Store* store, metrics::Registry& registry,
                base::Clock& clock);

  std::unique_ptr<alerting::MemoryAlertStore> memory_;  // null where there is a store
  storage::AlertStore& store_;
  alerting::Outbox outbox_;
  alerting::AlertEngine engine_;
  AlertService service_;
  std::vector<alerting::SinkConfig> configs_;  // in force
  Prepared first_;                             // until Start
  std::vector<metrics::CallbackHandle> metrics_;
};

}  // namespace daemoneye::gateway
