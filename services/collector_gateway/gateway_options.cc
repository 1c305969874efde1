#include "services/collector_gateway/gateway_options.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/config/common_options.h"
#include "libs/monitor/store_options.h"
#include "services/collector_gateway/sink_list.h"

namespace daemoneye::gateway {
namespace {

constexpr double kMaxMonitors = 1000;
constexpr double kMaxAnalyzers = 32;
constexpr double kMaxFileTriggers = 10'000;
constexpr double kMaxLists = 1000;
constexpr double kMaxFileWorkflows = 500;

absl::StatusOr<std::vector<MonitorAddress>> Addresses(const config::Config& config,
                                                      const char* key) {
  std::vector<MonitorAddress> addresses;
  for (const std::string& text : config.GetList(key)) {
    ASSIGN_OR_RETURN(MonitorAddress address, ParseMonitorAddress(text, key));
    if (std::ranges::any_of(addresses,
                            [&](const MonitorAddress& a) { return a.text == address.text; })) {
      return absl::InvalidArgumentError(fmt::format("{}: {} is given twice", key, address.text));
    }
    addresses.push_back(std::move(address));
  }
  return addresses;
}

absl::Status Check(const config::Config& config) {
  const bool has_cert = !config.GetString("monitor_tls_cert").empty();
  if (has_cert != !config.GetString("monitor_tls_key").empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{} is missing: monitor_tls_cert and monitor_tls_key go together",
                    has_cert ? "monitor_tls_key" : "monitor_tls_cert"));
  }
  if (has_cert && config.GetString("monitor_tls_ca").empty()) {
    return absl::InvalidArgumentError("monitor_tls_cert needs monitor_tls_ca");
  }
  RETURN_IF_ERROR(ParseSinks(config.GetDocument("sinks")).status());
  RETURN_IF_ERROR(AnalyzerAddresses(config).status());
  return MonitorAddresses(config).status();
}

}  // namespace

config::OptionTable GatewayOptions() {
  config::OptionTable table = config::CommonServerOptions({.component = "collector-gateway",
                                                           .metrics_port = 9469,
                                                           .ring_bytes = "64MiB",
                                                           .ring_events = "262144"});
  table.Append(monitor::StoreOptions());
  table.Append({.component = {},
                .specs = {{.key = "monitors",
                           .type = config::OptionType::kList,
                           .max = kMaxMonitors,
                           .doc = "Monitors to dial: unix:///path, host:port, or dns:///name:port, "
                                  "of which each address is a link of its own."},
                          {.key = "analyzers",
                           .type = config::OptionType::kList,
                           .max = kMaxAnalyzers,
                           .doc = "Analyzers to ask: unix:///path, host:port, or dns:///name:port. "
                                  "Of several with one name the first that has room is asked."},
                          {.key = "monitor_tls_ca",
                           .doc = "PEM file of the authorities that sign monitors and analyzers; "
                                  "with it TCP links use TLS."},
                          {.key = "monitor_tls_cert",
                           .doc = "PEM file of the certificate shown to monitors."},
                          {.key = "monitor_tls_key", .doc = "PEM file of its private key."}},
                .checks = {Check}});
  table.Append(
      {.component = {},
       .specs = {{.key = "default_triggers",
                  .type = config::OptionType::kBool,
                  .default_text = "true",
                  .doc = "Run the default set of triggers for Linux hosts, too.",
                  .reloadable = true},
                 {.key = "triggers",
                  .type = config::OptionType::kDocument,
                  .max = kMaxFileTriggers,
                  .doc = "A list of triggers: daemoneye.v1.Trigger in YAML. One with the "
                         "id of a default trigger takes its place.",
                  .reloadable = true},
                 {.key = "lists",
                  .type = config::OptionType::kDocument,
                  .max = kMaxLists,
                  .doc = "Names and their values: the table `lists` of conditions.",
                  .reloadable = true},
                 {.key = "overrides",
                  .type = config::OptionType::kDocument,
                  .max = kMaxFileTriggers,
                  .doc = "By trigger id: enabled, severity, and exceptions that are added.",
                  .reloadable = true},
                 {.key = "default_workflows",
                  .type = config::OptionType::kBool,
                  .default_text = "true",
                  .doc = "Have the workflows that come with the gateway, too: investigate.",
                  .reloadable = true},
                 {.key = "workflows",
                  .type = config::OptionType::kDocument,
                  .max = kMaxFileWorkflows,
                  .doc = "A list of workflows: daemoneye.v1.Workflow in YAML. One with the "
                         "id of a default workflow takes its place.",
                  .reloadable = true},
                 {.key = "sinks",
                  .type = config::OptionType::kDocument,
                  .max = static_cast<double>(kMaxSinks),
                  .doc =
                      "Where alerts go: a list of stdout, file and webhook sinks. Not given: one "
                      "stdout sink for people; []: nowhere but AlertService.",
                  .reloadable = true,
                  .secret = true}},
       .checks = {}});
  return table;
}

absl::StatusOr<std::vector<MonitorAddress>> MonitorAddresses(const config::Config& config) {
  return Addresses(config, "monitors");
}

absl::StatusOr<std::vector<MonitorAddress>> AnalyzerAddresses(const config::Config& config) {
  return Addresses(config, "analyzers");
}

}  // namespace daemoneye::gateway
