// The trigger documents of a configuration file: whatever they hold, they are read or refused with
// an error fit to print.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "libs/base/text.h"
#include "libs/config/fake_input.h"
#include "services/collector_gateway/gateway_options.h"
#include "services/collector_gateway/trigger_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye;
  std::string text = "default_triggers: false\n";
  text.append(reinterpret_cast<const char*>(data), size);
  const auto loaded = config::Config::Load(gateway::GatewayOptions(),
                                           config::FakeInput({"--config=/f"}, {}, {{"/f", text}}));
  if (!loaded.ok()) return 0;
  const auto triggers = gateway::ReadTriggerConfig(*loaded);
  if (!triggers.ok()) {
    const std::string message(triggers.status().message());
    if (!base::IsUtf8(message) || base::EscapeForTerminal(message) != message) abort();
    return 0;
  }
  for (const auto& [id, trigger] : triggers->triggers) {
    if (trigger.id() != id || trigger.managed_by() != v1::TRIGGER_MANAGER_FILE) abort();
  }
  return 0;
}
