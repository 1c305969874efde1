#include "libs/config/collector_options.h"

#include <fmt/format.h>

#include <vector>

#include "libs/config/config.h"

namespace daemoneye::config {
namespace {

constexpr double kDayInSeconds = 86'400;

OptionSpec Count(std::string key, std::string default_text, double max, std::string doc) {
  return {.key = std::move(key),
          .type = OptionType::kInt,
          .unit = "events",
          .min = 1,
          .max = max,
          .default_text = std::move(default_text),
          .doc = std::move(doc)};
}

OptionSpec Time(std::string key, std::string unit, std::string default_text, double max,
                std::string doc) {
  return {.key = std::move(key),
          .type = OptionType::kDuration,
          .unit = std::move(unit),
          .min = 1,
          .max = max,
          .default_text = std::move(default_text),
          .doc = std::move(doc)};
}

OptionSpec Switch(std::string key, std::string flag, std::string default_text, std::string doc) {
  return {.key = std::move(key),
          .flag = std::move(flag),
          .type = OptionType::kBool,
          .default_text = std::move(default_text),
          .doc = std::move(doc)};
}

std::vector<OptionSpec> IntakeSpecs() {
  OptionSpec sources = Count("max_event_sources", "16", 1000, "Event sources that may register.");
  sources.unit = "sources";
  OptionSpec threshold = Count(
      "backpressure_threshold", "0", 10'000'000,
      "Events in the buffer from which on a producer waits, below event_buffer_size; 0 is 80 % "
      "of it.");
  threshold.min = 0;
  return {
      sources,
      Count("event_buffer_size", "1000", 10'000'000,
            "Events that wait to be published, of all sources together."),
      Count("max_events_in_flight", "1000", 10'000'000, "Events of one source among them."),
      threshold,
      Time("max_backpressure_wait", "milliseconds", "500ms", 60'000,
           "How long a producer waits before what it brings is shed and counted."),
      Count("max_batch_size", "100", 100'000, "Events published together."),
      Time("batch_timeout", "milliseconds", "100ms", 60'000,
           "How long a batch waits for a source that is still handing it over."),
  };
}

std::vector<OptionSpec> LifecycleSpecs(const std::string& component) {
  OptionSpec debug =
      Switch("enable_debug_logging", "", "false", "Log at debug level, whatever log_level says.");
  debug.reloadable = true;
  return {
      {.key = "component_name",
       .min = 1,
       .max = 128,
       .default_text = component,
       .doc = "The monitor's name in events (origin.monitor)."},
      Time("startup_timeout", "seconds", "10s", 3600,
           "How long a source may take to become ready."),
      Time("shutdown_timeout", "seconds", "30s", 3600,
           "How long stopping and draining may take in all."),
      Time("health_check_interval", "seconds", "60s", kDayInSeconds,
           "Time between two health checks of each source."),
      Time("telemetry_interval", "seconds", "30s", kDayInSeconds,
           "Time between two telemetry lines in the log."),
      Switch("enable_telemetry", "", "true", "Log a telemetry line at each interval."),
      debug,
  };
}

absl::Status CheckThreshold(const Config& config) {
  const int64_t threshold = config.GetInt("backpressure_threshold");
  const int64_t buffer = config.GetInt("event_buffer_size");
  if (threshold >= buffer) {
    return absl::InvalidArgumentError(
        fmt::format("backpressure_threshold: {} is not below event_buffer_size, which is {}",
                    threshold, buffer));
  }
  return absl::OkStatus();
}

absl::Status CheckSources(const Config& config) {
  const std::vector<std::string>& sources = config.GetList("sources");
  for (const std::string& source : sources) {
    if (source == "auto" && sources.size() > 1) {
      return absl::InvalidArgumentError("sources: auto stands alone");
    }
    if (source != "auto" && source != "scan" && !config.GetBool("enable_event_driven")) {
      return absl::InvalidArgumentError(
          fmt::format("sources: {} needs enable_event_driven", source));
    }
  }
  return absl::OkStatus();
}

}  // namespace

OptionTable CollectorOptions(const std::string& component) {
  OptionTable table = {.component = {}, .specs = IntakeSpecs(), .checks = {CheckThreshold}};
  table.Append({.component = {}, .specs = LifecycleSpecs(component), .checks = {}});
  return table;
}

OptionTable ProcessOptions() {
  OptionSpec interval =
      Time("collection_interval", "seconds", "30s", 3600, "Time between the starts of two scans.");
  interval.flag = "interval";
  interval.min = 5;
  OptionTable table;
  table.specs = {
      interval,
      {.key = "max_processes_per_cycle",
       .flag = "max_processes",
       .type = OptionType::kInt,
       .unit = "processes",
       .max = 10'000'000,
       .default_text = "0",
       .doc = "Processes that a scan reads; the next goes on behind the last. 0 is all."},
      Switch("collect_enhanced_metadata", "enhanced_metadata", "true",
             "Report CPU, memory, start time, user name, cgroup, namespaces and capabilities."),
      Switch("compute_executable_hashes", "compute_hashes", "false",
             "Report the SHA-256 of what runs."),
      Switch("detect_suspicious_events", "detect_suspicious", "true", "Report SUSPICIOUS events."),
      Switch("enable_event_driven", "", "true",
             "Use kernel events where allowed; false: scans "
             "only."),
      Switch("track_process_lifecycle", "", "true",
             "Report START, STOP and MODIFIED from what two scans differ in."),
      {.key = "kernel_ring_bytes",
       .type = OptionType::kBytes,
       .min = 4096,
       .max = 1 << 30,
       .default_text = "8MiB",
       .doc = "Ring through which the kernel tells of processes; a power of two."},
      {.key = "samples",
       .type = OptionType::kEnum,
       .choices = {"changed", "all", "none"},
       .default_text = "changed",
       .doc =
           "Which processes have a SAMPLE a scan: those whose CPU or memory changed, all, none."},
      {.key = "sources",
       .type = OptionType::kList,
       .min = 1,
       .choices = {"auto", "exec", "connector", "scan"},
       .default_text = "auto",
       .doc = "Event sources; auto is the best that this machine and its privileges allow."},
  };
  // What ScanSource::Reconfigure takes over between two scans; tasks and sources are made once.
  for (OptionSpec& spec : table.specs) {
    spec.reloadable = spec.key != "collect_enhanced_metadata" &&
                      spec.key != "enable_event_driven" && spec.key != "sources" &&
                      spec.key != "kernel_ring_bytes";
  }
  table.checks = {CheckSources};
  return table;
}

}  // namespace daemoneye::config
