// collector-gateway: merges the events of any number of monitors into one log and serves it on.

#include "libs/monitor/component_main.h"
#include "services/collector_gateway/gateway_component.h"
#include "services/collector_gateway/gateway_options.h"

int main(int argc, char** argv) {
  return daemoneye::monitor::RunComponent(argc, argv,
                                          {.name = "collector-gateway",
                                           .options = daemoneye::gateway::GatewayOptions(),
                                           .check = daemoneye::gateway::CheckGateway,
                                           .make = daemoneye::gateway::MakeGateway,
                                           // For `processes`, when it is asked for.
                                           .ended_bytes = 8 << 20});
}
