// RunComponent: what every server of the suite does around its own work: flags and configuration,
// logging, metrics, the bus, MonitorService, health, signals, reload and an orderly end.
//
// A monitor and the gateway differ in their Component. Starts bottom-up and stops top-down, each
// step with one log line:
//
//   start  configuration, logging, metrics, bus, component made, gRPC server, component started
//   stop   not serving, component stopped, streams drained, gRPC server, component destroyed,
//          metrics
//
// SIGTERM and SIGINT end it with 0; a second one ends it at once. SIGHUP, or a change of the file,
// reloads the configuration as one generation or not at all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/config/config.h"
#include "libs/event_bus/event_bus.h"
#include "libs/metrics/registry.h"
#include "libs/monitor/monitor_backend.h"
#include "libs/rpc/server.h"

namespace daemoneye::monitor {

// What a component is made of; all of it outlives the component.
struct ComponentContext {
  const config::Config& config;
  metrics::Registry& metrics;
  event_bus::EventBus& bus;
  base::Clock& clock;
  // Who publishes the bus's log.
  v1::Publisher publisher;
  // Fills started_at, config and config_generation. Any thread.
  std::function<void(v1::GetStatusResponse&)> fill_server_status;
  // Asks for readiness to be looked at again. Any thread.
  std::function<void()> on_readiness_changed;
};

class Component {
 public:
  virtual ~Component() = default;

  // What MonitorService serves. Threads: any.
  virtual MonitorBackend& backend() = 0;
  // gRPC services beside MonitorService.
  virtual std::vector<rpc::ServedService> services() { return {}; }

  // Begins to publish. The server answers already, as not ready.
  virtual absl::Status Start() = 0;
  // Nothing is published after it returns. Any error is logged; DeadlineExceeded: something hangs
  // and still uses what the component holds, so the process must end without destroying it.
  virtual absl::Status Stop() = 0;

  // True when it sees events. Any thread, quick.
  virtual bool IsReady() const = 0;

  // Takes over the settings of `changed`, all reloadable. An error leaves the old ones in force.
  virtual absl::Status Reload(const config::Config& config,
                              const std::vector<std::string>& changed) {
    static_cast<void>(config);
    static_cast<void>(changed);
    return absl::OkStatus();
  }
};

struct ComponentDefinition {
  // The binary's name.
  std::string name;
  // All its settings: config::CommonServerOptions and its own.
  config::OptionTable options;
  // Checks what the table cannot: for --check_config, too. May be empty.
  std::function<absl::Status(const config::Config&)> check;
  std::function<absl::StatusOr<std::unique_ptr<Component>>(const ComponentContext&)> make;
  // LocalEventBusOptions::ended_bytes.
  size_t ended_bytes = 0;
};

// main() of a server: 0 after an orderly end, 1 when something failed, 2 for bad flags or
// configuration.
int RunComponent(int argc, char** argv, const ComponentDefinition& definition);

}  // namespace daemoneye::monitor
