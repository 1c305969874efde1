// Redaction ends, keeps the number of arguments, tells of every change, and what it leaves of an
// argument stood there before, in that order.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "libs/event/redaction.h"

namespace {

// Whether `cleaned` is `original` with some pieces replaced.
bool IsPartOf(std::string_view original, std::string_view cleaned) {
  constexpr std::string_view kMark = daemoneye::event::kRedacted;
  for (size_t at = 0; at <= cleaned.size();) {
    const size_t end = std::min(cleaned.find(kMark, at), cleaned.size());
    const std::string_view piece = cleaned.substr(at, end - at);
    const size_t found = original.find(piece);
    if (found == std::string_view::npos) return false;
    original.remove_prefix(found + piece.size());
    at = end + kMark.size();
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> arguments;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\0', begin), text.size());
    arguments.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  const std::vector<std::string_view> original = arguments;
  daemoneye::event::Redactor redactor;
  const size_t replaced = redactor.Redact(arguments);
  if (arguments.size() != original.size()) std::abort();
  if (replaced == 0 && arguments != original) std::abort();
  for (size_t i = 0; i < original.size(); ++i) {
    if (!IsPartOf(original[i], arguments[i])) std::abort();
  }
  return 0;
}
