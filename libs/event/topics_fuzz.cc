// Any text is a topic pattern or is refused; a pattern without wildcards matches itself alone.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/event/topics.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto pattern = daemoneye::event::TopicPattern::Compile(text);
  if (!pattern.ok()) return 0;
  pattern->Matches("events.process.start");
  if (text.find_first_of("+#") == std::string_view::npos && !pattern->Matches(text)) std::abort();
  return 0;
}
