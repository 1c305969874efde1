// The settings of the collector runtime, which every monitor has, and of the process sources.
#pragma once

#include <string>

#include "libs/config/option_spec.h"

namespace daemoneye::config {

// max_event_sources, event_buffer_size, backpressure_threshold, max_backpressure_wait,
// max_batch_size, batch_timeout, startup_timeout, shutdown_timeout, health_check_interval,
// telemetry_interval, enable_telemetry, enable_debug_logging, component_name,
// max_events_in_flight.
OptionTable CollectorOptions(const std::string& component);

// collection_interval (--interval), collect_enhanced_metadata (--enhanced_metadata),
// max_processes_per_cycle (--max_processes), compute_executable_hashes (--compute_hashes),
// detect_suspicious_events (--detect_suspicious), enable_event_driven, track_process_lifecycle,
// samples, sources.
OptionTable ProcessOptions();

}  // namespace daemoneye::config
