// RunServer: what every server of the suite does around its own work: flags and configuration,
// logging, metrics, health, signals, reload and an orderly end.
//
// A server is a ServedComponent: a monitor and the gateway are one with a bus and MonitorService
// (component_main.h), an analyzer is one with AnalyzerService. Starts bottom-up and stops top-down,
// each step with one log line:
//
//   start  configuration, privileges dropped, logging, metrics, component made, gRPC server,
//   component started stop   not serving, component stopped, calls drained, gRPC server, metrics,
//   component destroyed
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
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/config/config.h"
#include "libs/linux/privilege/capability_set.h"
#include "libs/metrics/registry.h"
#include "libs/monitor/stream_loop.h"
#include "libs/rpc/server.h"

namespace daemoneye::monitor {

// What a served component is made of; all of it outlives the component.
struct ServerContext {
  const config::Config& config;
  metrics::Registry& metrics;
  base::Clock& clock;
  absl::Time started_at;
  // This host, as events and negotiations name it.
  std::string host;
  // The configuration in force. Any thread.
  std::function<config::Config()> current_config;
  // Asks for readiness to be looked at again. Any thread.
  std::function<void()> on_readiness_changed;
};

class ServedComponent {
 public:
  virtual ~ServedComponent() = default;

  virtual std::vector<rpc::ServedService> services() = 0;
  // Turns as long as the server lives: what liveness asks beside the main thread. Stopped when the
  // last call has ended.
  virtual StreamLoop& loop() = 0;

  // Begins its work. The server answers already, as not ready.
  virtual absl::Status Start() = 0;
  // Ends it. Any error is logged; DeadlineExceeded: something hangs and still uses what the
  // component holds, so the process must end without destroying it.
  virtual absl::Status Stop() = 0;
  // Ends the calls under way, as well as that goes: those that have not ended soon are cancelled.
  virtual void Drain() = 0;

  // True when it does what it is there for. Any thread, quick.
  virtual bool IsReady() const = 0;

  // Takes over the settings of `changed`, all reloadable. An error leaves the old ones in force.
  virtual absl::Status Reload(const config::Config& config,
                              const std::vector<std::string>& changed) = 0;
};

struct ServerDefinition {
  // The binary's name.
  std::string name;
  // All its settings: config::CommonServerOptions and its own.
  config::OptionTable options;
  // Checks what the table cannot: for --check_config, too. May be empty.
  std::function<absl::Status(const config::Config&)> check;
  std::function<absl::StatusOr<std::unique_ptr<ServedComponent>>(const ServerContext&)> make;
  int max_request_bytes = rpc::ServerOptions{}.max_request_bytes;
  // The capabilities that its work can need, for as long as it runs; of those it was started with
  // all others are dropped before the first thread is started. Empty: it needs none.
  std::function<privilege::CapabilitySet(const config::Config&)> capabilities = {};
};

// main() of a server: 0 after an orderly end, 1 when something failed, 2 for bad flags or
// configuration.
int RunServer(int argc, char** argv, const ServerDefinition& definition);

}  // namespace daemoneye::monitor
