#include "libs/event/process_key.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

#include "absl/status/status.h"

namespace daemoneye::event {
namespace {

constexpr size_t kHexDigits = 16;

// Reads a decimal number as it is written (no sign, no leading zero), up to
// `terminator` or, where that is 0, to the end.
template <typename T>
bool TakeNumber(std::string_view& text, char terminator, T* value) {
  const size_t end = terminator == 0 ? text.size() : text.find(terminator);
  if (end == std::string_view::npos || end == 0) return false;
  if (text[0] == '0' && end > 1) return false;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + end, *value);
  if (error != std::errc() || stop != text.data() + end) return false;
  text.remove_prefix(terminator == 0 ? end : end + 1);
  return true;
}

bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

absl::StatusOr<ProcessKeySpace> MakeProcessKeySpace(std::string_view boot_id,
                                                    uint64_t pid_namespace) {
  std::string digits;
  for (const char c : boot_id.substr(0, 36)) {
    if (IsLowerHex(c)) digits += c;
  }
  if (boot_id.size() != 36 || digits.size() != 32) {
    return absl::InvalidArgumentError(fmt::format("boot id is no UUID: length={}", boot_id.size()));
  }
  ProcessKeySpace space{.pid_namespace = pid_namespace};
  std::from_chars(digits.data(), digits.data() + kHexDigits, space.boot_id_high, 16);
  return space;
}

void FormatProcessKey(const ProcessKey& key, std::string* out) {
  // By hand, since each event has some: one allocation, and no format to parse.
  std::array<char, kHexDigits + 3 * (1 + std::numeric_limits<uint64_t>::digits10 + 1)> text;
  for (size_t i = 0; i < kHexDigits; ++i) {
    text[i] = "0123456789abcdef"[(key.space.boot_id_high >> (4 * (kHexDigits - 1 - i))) & 0xf];
  }
  char* end = text.data() + kHexDigits;
  for (const uint64_t number :
       {uint64_t{key.space.pid_namespace}, uint64_t{key.pid}, key.start_ticks}) {
    *end++ = '-';
    end = std::to_chars(end, text.data() + text.size(), number).ptr;
  }
  out->assign(text.data(), static_cast<size_t>(end - text.data()));
}

std::string FormatProcessKey(const ProcessKey& key) {
  std::string text;
  FormatProcessKey(key, &text);
  return text;
}

std::optional<ProcessKey> ParseProcessKey(std::string_view text) {
  if (text.size() < kHexDigits + 1 || text[kHexDigits] != '-') return std::nullopt;
  for (const char c : text.substr(0, kHexDigits)) {
    if (!IsLowerHex(c)) return std::nullopt;
  }
  ProcessKey key;
  std::from_chars(text.data(), text.data() + kHexDigits, key.space.boot_id_high, 16);
  text.remove_prefix(kHexDigits + 1);
  if (!TakeNumber(text, '-', &key.space.pid_namespace)) return std::nullopt;
  if (!TakeNumber(text, '-', &key.pid)) return std::nullopt;
  if (!TakeNumber(text, 0, &key.start_ticks)) return std::nullopt;
  return key;
}

}  // namespace daemoneye::event
