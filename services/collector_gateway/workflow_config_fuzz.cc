// The workflows of a configuration file: whatever they hold, they are read or refused with an error
// fit to print.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "libs/base/text.h"
#include "libs/config/fake_input.h"
#include "services/collector_gateway/gateway_options.h"
#include "services/collector_gateway/workflow_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye;
  std::string text = "default_workflows: false\n";
  text.append(reinterpret_cast<const char*>(data), size);
  const auto loaded = config::Config::Load(gateway::GatewayOptions(),
                                           config::FakeInput({"--config=/f"}, {}, {{"/f", text}}));
  if (!loaded.ok()) return 0;
  const auto workflows = gateway::ReadWorkflowConfig(*loaded);
  if (!workflows.ok()) {
    const std::string message(workflows.status().message());
    if (!base::IsUtf8(message) || base::EscapeForTerminal(message) != message) abort();
    return 0;
  }
  for (const auto& [id, workflow] : workflows->workflows) {
    if (workflow.id() != id || workflow.managed_by() != v1::TRIGGER_MANAGER_FILE) abort();
    if (workflow.stages().empty()) abort();
  }
  return 0;
}
