// Any bytes: the arguments are parts of the text, in order, and none is lost but for padding.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "libs/linux/procfs/cmdline_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye::procfs;  // NOLINT: the one user of the room here
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> arguments;
  const size_t count = SplitCmdline(text, 16, arguments);
  if (arguments.size() != std::min<size_t>(count, 16)) std::abort();
  const char* at = text.data();
  for (const std::string_view argument : arguments) {
    if (argument.data() < at || argument.find('\0') != std::string_view::npos) std::abort();
    at = argument.data() + argument.size();
  }
  if (at > text.data() + text.size()) std::abort();
  return 0;
}
