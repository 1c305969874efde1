// Collector: runs event sources and publishes what they emit on an event bus.
//
// Sources start and stop beside each other, each on a thread of its own with a deadline, so that
// one that fails or hangs holds up nobody; a supervisor starts them again with a growing pause.
// What they emit goes through one bounded intake, and every event that is shed on the way is
// counted and told by a loss event.
//
// Lifecycle:  Create, Register each source, Start, Stop. Not started again after Stop.
// Threads:    Register, Start, Stop and Run from one thread, all else from any. Owns a pump, a
//             supervisor and two threads a source.
// Ownership:  owns its sources; borrows the bus and the clock, which outlive it.
// Cost:       see collector_benchmark: what Emit and the pump add to a bare queue and Publish.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/collector/collector_config.h"
#include "libs/collector/collector_statistics.h"
#include "libs/collector/event_source.h"
#include "libs/collector/source_status.h"
#include "libs/event_bus/event_bus.h"

namespace daemoneye::collector {

// What the collector tells its owner, each from a thread of the collector's with no lock held. They
// return quickly and do not call Stop.
struct CollectorCallbacks {
  // A source's state or detail changed: worth a log line.
  std::function<void(const SourceStatus&)> on_source_changed;
  // What runs changed: `capabilities_changed`. Not called by Stop.
  std::function<void(const RunningSources&)> on_running_changed;
  // Every telemetry_interval, when enable_telemetry.
  std::function<void(const CollectorStatistics&)> on_telemetry;
  // When enable_debug_logging.
  std::function<void(std::string_view)> on_debug;
};

class Collector {
 public:
  // InvalidArgument: the config, naming the field.
  static absl::StatusOr<std::unique_ptr<Collector>> Create(CollectorConfig config,
                                                           event_bus::EventBus& bus,
                                                           base::Clock& clock,
                                                           CollectorCallbacks callbacks = {});
  // Stops.
  virtual ~Collector() = default;

  // AlreadyExists: a source of that name. ResourceExhausted: max_event_sources. InvalidArgument: a
  // name that is not [a-z0-9-]. FailedPrecondition: started.
  virtual absl::Status Register(std::unique_ptr<EventSource> source) = 0;

  // Starts every source and returns at once. FailedPrecondition: no source, or started before.
  virtual absl::Status Start() = 0;

  // Blocks until each source runs, failed or let startup_timeout pass; true when all run.
  virtual bool AwaitStarted() = 0;

  // Stops the sources, publishes what they emitted and what was lost, and returns within
  // shutdown_timeout. DeadlineExceeded names the sources that hang and were left behind: what they
  // borrow has to live on, so leave the process without destroying it. Idempotent.
  virtual absl::Status Stop() = 0;

  // Start, wait for `stop`, Stop.
  absl::Status Run(std::stop_token stop);

  // Makes every running source observe now, and waits until that is published. DeadlineExceeded
  // names those that did not answer; any other error is a source's own. Blocks.
  virtual absl::Status Refresh(base::Monotonic deadline) = 0;

  // Asks every running source for its health and waits for the answers until `deadline`. Blocks.
  virtual std::vector<SourceStatus> CheckHealth(base::Monotonic deadline) = 0;

  // As last known; never blocks on a source.
  virtual std::vector<SourceStatus> sources() const = 0;

  // Union of all registered sources, and of those that run.
  virtual SourceCaps capabilities() const = 0;
  virtual RunningSources running() const = 0;

  virtual CollectorStatistics statistics() const = 0;
};

}  // namespace daemoneye::collector
