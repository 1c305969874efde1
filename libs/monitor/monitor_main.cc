#include "libs/monitor/monitor_main.h"

#include <utility>

#include "libs/base/status_macros.h"
#include "libs/config/collector_options.h"
#include "libs/config/common_options.h"
#include "libs/monitor/component_main.h"
#include "libs/monitor/monitor_component.h"

namespace daemoneye::monitor {

int MonitorMain(int argc, char** argv, const MonitorDefinition& definition) {
  ComponentDefinition component;
  component.name = definition.name;
  component.options = config::CommonServerOptions(
      {.component = definition.name, .metrics_port = definition.metrics_port});
  component.options.Append(config::CollectorOptions(definition.name)).Append(definition.options);
  component.check = definition.check;
  component.capabilities = definition.capabilities;
  component.make =
      [&](const ComponentContext& context) -> absl::StatusOr<std::unique_ptr<Component>> {
    ASSIGN_OR_RETURN(MonitorParts parts, definition.make({context.config, context.metrics,
                                                          context.clock, context.bus}));
    return MonitorComponent::Create(context, std::move(parts));
  };
  return RunComponent(argc, argv, component);
}

}  // namespace daemoneye::monitor
