// The settings of collector-gateway.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/config/config.h"
#include "services/collector_gateway/monitor_address.h"

namespace daemoneye::gateway {

// Those that every server has, and --monitors, --analyzers, --monitor_tls_ca, --monitor_tls_cert,
// --monitor_tls_key; in the file: default_triggers, triggers, lists, overrides, sinks.
config::OptionTable GatewayOptions();

// The analyzers to ask. InvalidArgument names the address.
absl::StatusOr<std::vector<MonitorAddress>> AnalyzerAddresses(const config::Config& config);

// The monitors to dial. InvalidArgument names the address.
absl::StatusOr<std::vector<MonitorAddress>> MonitorAddresses(const config::Config& config);

}  // namespace daemoneye::gateway
