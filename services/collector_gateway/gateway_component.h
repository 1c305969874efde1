// GatewayComponent: the Component of collector-gateway.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/config/config.h"
#include "libs/monitor/component_main.h"

namespace daemoneye::gateway {

// What --check_config does beyond the table of settings: triggers, workflows and addresses.
absl::Status CheckGateway(const config::Config& config);

// InvalidArgument: addresses, or certificates that cannot be read.
absl::StatusOr<std::unique_ptr<monitor::Component>> MakeGateway(
    const monitor::ComponentContext& context);

}  // namespace daemoneye::gateway
