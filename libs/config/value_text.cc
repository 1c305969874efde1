#include "libs/config/value_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>
#include <utility>

namespace daemoneye::config {
namespace {

constexpr std::array<std::pair<std::string_view, uint64_t>, 8> kByteUnits = {{
    {"TiB", uint64_t{1} << 40},
    {"GiB", uint64_t{1} << 30},
    {"MiB", uint64_t{1} << 20},
    {"KiB", uint64_t{1} << 10},
    {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1'000},
}};

bool IsNumber(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

template <typename T>
std::optional<T> ParseWhole(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The code point at the front of well-formed UTF-8, and its length.
std::pair<uint32_t, size_t> DecodeFront(std::string_view utf8) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(utf8[i]); };
  const uint8_t lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length == 1 || length > utf8.size()) return {lead, 1};
  uint32_t code = lead & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = (code << 6) | (byte(i) & 0x3F);
  return {code, length};
}

// Control characters, separators, bidirectional controls, byte order marks and non-characters:
// a terminal or a YAML reader would act on them.
bool NeedsEscape(uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x061C ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || (code & 0xFFFE) == 0xFFFE;
}

}  // namespace

std::optional<absl::Duration> ParseDuration(std::string_view text, absl::Duration unit) {
  absl::Duration duration;
  if (IsNumber(text)) {
    const std::optional<double> number = ParseWhole<double>(text);
    if (!number) return std::nullopt;
    duration = unit * *number;
  } else if (!absl::ParseDuration(std::string(text), &duration)) {
    return std::nullopt;
  }
  if (duration == absl::InfiniteDuration() || duration == -absl::InfiniteDuration()) {
    return std::nullopt;
  }
  return absl::Trunc(duration, absl::Nanoseconds(1));
}

std::string DurationText(absl::Duration duration) {
  const std::array<std::pair<absl::Duration, std::string_view>, 3> units = {
      {{absl::Seconds(1), "s"}, {absl::Milliseconds(1), "ms"}, {absl::Microseconds(1), "us"}}};
  for (const auto& [unit, suffix] : units) {
    absl::Duration rest;
    const int64_t count = absl::IDivDuration(duration, unit, &rest);
    if (rest == absl::ZeroDuration()) return fmt::format("{}{}", count, suffix);
  }
  // Seconds apart, since nanoseconds alone end after 292 years.
  absl::Duration rest;
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &rest);
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(rest);
  return seconds == 0
             ? fmt::format("{}ns", nanoseconds)
             : fmt::format("{}s{}ns", seconds, nanoseconds < 0 ? -nanoseconds : nanoseconds);
}

std::optional<absl::Duration> TimeUnit(std::string_view name) {
  if (name == "milliseconds") return absl::Milliseconds(1);
  if (name == "seconds") return absl::Seconds(1);
  if (name == "minutes") return absl::Minutes(1);
  if (name == "hours") return absl::Hours(1);
  return std::nullopt;
}

std::optional<uint64_t> ParseByteCount(std::string_view text) {
  uint64_t factor = 1;
  for (const auto& [suffix, bytes] : kByteUnits) {
    if (text.ends_with(suffix)) {
      text.remove_suffix(suffix.size());
      factor = bytes;
      break;
    }
  }
  const std::optional<uint64_t> count = ParseWhole<uint64_t>(text);
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (!count || *count > kMax / factor) return std::nullopt;
  return *count * factor;
}

std::string ByteCountText(uint64_t bytes) {
  for (const auto& [suffix, unit] : std::span(kByteUnits).first(4)) {
    if (bytes != 0 && bytes % unit == 0) return fmt::format("{}{}", bytes / unit, suffix);
  }
  return fmt::format("{}", bytes);
}

std::string QuoteYaml(std::string_view utf8) {
  std::string out = "\"";
  while (!utf8.empty()) {
    const auto [code, length] = DecodeFront(utf8);
    if (code == '"' || code == '\\') {
      out += '\\';
      out += static_cast<char>(code);
    } else if (!NeedsEscape(code)) {
      out += utf8.substr(0, length);
    } else if (code < 0x100) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", code);
    } else if (code < 0x10000) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    } else {
      fmt::format_to(std::back_inserter(out), "\\U{:08x}", code);
    }
    utf8.remove_prefix(length);
  }
  return out + "\"";
}

}  // namespace daemoneye::config
