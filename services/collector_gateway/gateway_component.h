// GatewayComponent: the Component of collector-gateway.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "libs/monitor/component_main.h"

namespace daemoneye::gateway {

// InvalidArgument: addresses, or certificates that cannot be read.
absl::StatusOr<std::unique_ptr<monitor::Component>> MakeGateway(
    const monitor::ComponentContext& context);

}  // namespace daemoneye::gateway
