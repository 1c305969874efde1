// Whatever a server sends can be printed: no control character in a line but its last newline, and
// the JSON parses.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tools/eyectl/event_json.h"
#include "tools/eyectl/event_text.h"

namespace {

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using daemoneye::eyectl::EventText;
  daemoneye::v1::CollectionEvent event;
  if (!event.ParseFromArray(data, static_cast<int>(size))) return 0;
  EventText text(daemoneye::eyectl::Style(false),
                 {.time_zone = absl::UTCTimeZone(), .columns = static_cast<int>(size % 200)});
  const std::string line = text.Line(event);
  if (!line.empty() && HasControl(std::string_view(line).substr(0, line.size() - 1))) std::abort();
  const std::string json = daemoneye::eyectl::EventJson(event);
  if (HasControl(json) || !nlohmann::json::accept(json)) std::abort();
  return 0;
}
