// A configuration file: whatever it holds, it is read or refused with an error fit to print.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "libs/base/text.h"
#include "libs/config/config.h"
#include "libs/config/fake_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto loaded = config::Config::Load(config::EveryTypeTable(),
                                           config::FakeInput({"--config=/f"}, {}, {{"/f", text}}));
  if (!loaded.ok()) {
    const std::string message(loaded.status().message());
    if (!base::IsUtf8(message) || base::EscapeForTerminal(message) != message) abort();
    return 0;
  }
  const auto again =
      config::Config::Load(config::EveryTypeTable(),
                           config::FakeInput({"--config=/p"}, {}, {{"/p", loaded->PrintConfig()}}));
  if (!again.ok()) abort();
  return 0;
}
