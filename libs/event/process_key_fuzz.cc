// Whatever ParseProcessKey accepts is exactly what FormatProcessKey writes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "libs/event/process_key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto key = daemoneye::event::ParseProcessKey(text);
  if (key.has_value() && daemoneye::event::FormatProcessKey(*key) != text) std::abort();
  return 0;
}
