// CollectorConfig: every setting of the collector's run time, under the name its users know.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace daemoneye::collector {

struct CollectorConfig {
  // Who publishes: LossEvent.monitor.
  std::string component_name = "collector";

  // Sources that Register takes.
  size_t max_event_sources = 16;

  // Events that wait to be published, of all sources together.
  size_t event_buffer_size = 1000;
  // Events of one source among them.
  size_t max_events_in_flight = 1000;
  // Events in the buffer from which on a producer waits. Absent: 80 % of the buffer.
  std::optional<size_t> backpressure_threshold;
  // How long it waits without progress before what it brings is shed.
  absl::Duration max_backpressure_wait = absl::Milliseconds(500);

  // Events published together.
  size_t max_batch_size = 100;
  // How long a batch that is not full waits for a source that is still handing it over.
  absl::Duration batch_timeout = absl::Milliseconds(100);

  // How long a source may take to become ready before it counts as degraded.
  absl::Duration startup_timeout = absl::Seconds(10);
  // How long stopping and draining may take in all.
  absl::Duration shutdown_timeout = absl::Seconds(30);
  absl::Duration health_check_interval = absl::Seconds(60);

  absl::Duration telemetry_interval = absl::Seconds(30);
  bool enable_telemetry = true;
  // Tells CollectorCallbacks::on_debug of every batch.
  bool enable_debug_logging = false;

  // backpressure_threshold, or its default.
  size_t effective_backpressure_threshold() const;

  // InvalidArgument naming the first field that is out of its bounds, and the bounds.
  absl::Status Validate() const;
};

}  // namespace daemoneye::collector
