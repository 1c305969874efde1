// Redaction ends, keeps the number of arguments, and finds nothing more in what it has cleaned.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "libs/event/redaction.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> arguments;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\0', begin), text.size());
    arguments.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  const size_t count = arguments.size();
  daemoneye::event::Redactor redactor;
  redactor.Redact(arguments);
  if (arguments.size() != count) std::abort();
  std::vector<std::string> cleaned(arguments.begin(), arguments.end());
  std::vector<std::string_view> again(cleaned.begin(), cleaned.end());
  redactor.Redact(again);
  for (size_t i = 0; i < count; ++i) {
    if (again[i] != cleaned[i]) std::abort();
  }
  return 0;
}
