// Arguments, separated by newlines: whatever they are, Load ends with a configuration or an error,
// and what it takes it prints so that it reads it back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/text.h"
#include "libs/config/config.h"
#include "libs/config/fake_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> args = {"--config="};
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    args.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  const auto loaded = config::Config::Load(config::EveryTypeTable(), config::FakeInput(args));
  if (!loaded.ok()) {
    // An error is fit to print.
    if (!base::IsUtf8(std::string(loaded.status().message()))) abort();
    return 0;
  }
  const auto again =
      config::Config::Load(config::EveryTypeTable(),
                           config::FakeInput({"--config=/p"}, {}, {{"/p", loaded->PrintConfig()}}));
  if (!again.ok()) abort();
  return 0;
}
