// MonitorMain: a whole monitor binary, given its sources.
//
//   int main(int argc, char** argv) {
//     return daemoneye::monitor::MonitorMain(argc, argv, {.name = "mymond", .make = MakeSources});
//   }
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/control.pb.h"
#include "libs/base/clock.h"
#include "libs/collector/event_source.h"
#include "libs/collector/task_handler.h"
#include "libs/config/config.h"
#include "libs/event_bus/event_bus.h"
#include "libs/linux/privilege/capability_set.h"
#include "libs/metrics/registry.h"

namespace daemoneye::monitor {

// What sources are made with; all of it outlives them.
struct MonitorContext {
  const config::Config& config;
  metrics::Registry& metrics;
  base::Clock& clock;
  // What they emit is published on it: for those that prove that it is.
  event_bus::EventBus& bus;
};

// A source that is not there, and why.
struct UnusedSource {
  std::string name;
  // Told as the detail of its state.
  std::string why;
  // The settings want it, and this machine or these privileges do not let it: a problem.
  bool is_missed = false;
};

// What a monitor watches with and answers tasks with.
struct MonitorParts {
  std::vector<std::unique_ptr<collector::EventSource>> sources;
  std::vector<UnusedSource> unused_sources;
  // What none of them sees for want of privileges: problems that GetStatus tells.
  std::vector<std::string> limits;
  std::vector<std::unique_ptr<collector::TaskHandler>> tasks;
  // Outlives both: readers, caches.
  std::shared_ptr<void> shared;
  // File that the events are kept in; empty: nothing is kept.
  std::string database;
  // What they count; ends before them.
  std::vector<metrics::CallbackHandle> metrics;
  // Takes over changed settings of its own; may be empty when none is reloadable.
  std::function<absl::Status(const config::Config&)> reload;
  // Fills read and total of a snapshot; may be empty.
  std::function<void(v1::SnapshotComplete&)> complete_snapshot;
};

struct MonitorDefinition {
  // The binary's name and, unless --component_name says otherwise, the monitor's.
  std::string name;
  // Of the Prometheus page on 127.0.0.1; 0: off unless --metrics_address says otherwise.
  uint16_t metrics_port = 0;
  // Its own settings, beside those that every monitor has.
  config::OptionTable options = {};
  std::function<absl::Status(const config::Config&)> check = {};
  std::function<absl::StatusOr<MonitorParts>(const MonitorContext&)> make;
  // The capabilities that its sources can need, so that one that dies can be opened again; all
  // others are dropped at the start. Empty: none.
  std::function<privilege::CapabilitySet(const config::Config&)> capabilities = {};
};

// main() of a monitor: see RunComponent for its exit codes.
int MonitorMain(int argc, char** argv, const MonitorDefinition& definition);

}  // namespace daemoneye::monitor
