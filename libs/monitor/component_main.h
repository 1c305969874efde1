// RunComponent: a server around an event bus: RunServer with the bus and MonitorService, which a
// monitor and the gateway share. The two differ in their Component.
//
//   start  as RunServer; the bus, the component and MonitorService are made together
//   stop   component stopped, streams drained, gRPC server, component destroyed
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
#include "libs/linux/privilege/capability_set.h"
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
  // Fills started_at, privileges, config and config_generation. Any thread.
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
  // As in ServerDefinition.
  std::string name;
  config::OptionTable options;
  std::function<absl::Status(const config::Config&)> check;
  std::function<absl::StatusOr<std::unique_ptr<Component>>(const ComponentContext&)> make;
  // LocalEventBusOptions::ended_bytes.
  size_t ended_bytes = 0;
  // As in ServerDefinition.
  std::function<privilege::CapabilitySet(const config::Config&)> capabilities = {};
};

// main() of a monitor or gateway, as RunServer.
int RunComponent(int argc, char** argv, const ComponentDefinition& definition);

}  // namespace daemoneye::monitor
