// Any text is a glob or is refused; a plain one matches itself alone. The first line is the
// pattern, the rest the text.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/event/glob.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\n');
  const std::string_view pattern = input.substr(0, cut);
  const std::string_view text = cut == std::string_view::npos ? "" : input.substr(cut + 1);
  const auto glob = daemoneye::event::Glob::Compile(pattern);
  if (!glob.ok()) return 0;
  const bool matches = glob->Matches(text);
  if (!daemoneye::event::Glob::IsPattern(pattern) && matches != (pattern == text)) std::abort();
  return 0;
}
