#include "libs/collector/collector_config.h"

#include <algorithm>
#include <string_view>

#include "fmt/format.h"

namespace daemoneye::collector {
namespace {

constexpr size_t kMaxSources = 256;
constexpr size_t kMaxEvents = 10'000'000;
constexpr size_t kMaxComponentNameBytes = 128;
constexpr absl::Duration kMaxDuration = absl::Hours(24);

absl::Status CheckCount(std::string_view field, size_t value, size_t max) {
  if (value >= 1 && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{} must be 1..{}: value={}", field, max, value));
}

absl::Status CheckDuration(std::string_view field, absl::Duration value) {
  if (value > absl::ZeroDuration() && value <= kMaxDuration) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{} must be more than 0 and at most {}: value={}",
                                                field, absl::FormatDuration(kMaxDuration),
                                                absl::FormatDuration(value)));
}

}  // namespace

size_t CollectorConfig::effective_backpressure_threshold() const {
  return backpressure_threshold.value_or(std::max<size_t>(1, event_buffer_size * 4 / 5));
}

absl::Status CollectorConfig::Validate() const {
  if (component_name.empty() || component_name.size() > kMaxComponentNameBytes) {
    return absl::InvalidArgumentError(fmt::format("component_name must have 1..{} bytes: size={}",
                                                  kMaxComponentNameBytes, component_name.size()));
  }
  const absl::Status checks[] = {
      CheckCount("max_event_sources", max_event_sources, kMaxSources),
      CheckCount("event_buffer_size", event_buffer_size, kMaxEvents),
      CheckCount("max_events_in_flight", max_events_in_flight, kMaxEvents),
      CheckDuration("max_backpressure_wait", max_backpressure_wait),
      CheckCount("max_batch_size", max_batch_size, kMaxEvents),
      CheckDuration("batch_timeout", batch_timeout),
      CheckDuration("startup_timeout", startup_timeout),
      CheckDuration("shutdown_timeout", shutdown_timeout),
      CheckDuration("health_check_interval", health_check_interval),
      CheckDuration("telemetry_interval", telemetry_interval),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  if (backpressure_threshold.has_value() &&
      (*backpressure_threshold == 0 || *backpressure_threshold >= event_buffer_size)) {
    return absl::InvalidArgumentError(fmt::format(
        "backpressure_threshold must be at least 1 and less than event_buffer_size: value={} "
        "event_buffer_size={}",
        *backpressure_threshold, event_buffer_size));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::collector
