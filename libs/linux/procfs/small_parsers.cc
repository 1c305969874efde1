#include "libs/linux/procfs/small_parsers.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "libs/linux/procfs/parse_error.h"

namespace daemoneye::procfs {
namespace {

// All of `text` as a decimal number, or nullopt.
template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view WithoutNewline(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text;
}

}  // namespace

absl::StatusOr<std::optional<uint32_t>> ParseAuditId(std::string_view file, std::string_view text) {
  const auto id = ParseNumber<uint32_t>(WithoutNewline(text));
  if (!id) return ParseError(file, "id", text);
  if (*id == std::numeric_limits<uint32_t>::max()) return std::optional<uint32_t>();
  return id;
}

absl::StatusOr<uint64_t> ParseNamespaceLink(std::string_view kind, std::string_view target) {
  std::string_view rest = target;
  if (rest.starts_with(kind)) {
    rest.remove_prefix(kind.size());
    if (rest.starts_with(":[") && rest.ends_with("]")) {
      const auto inode = ParseNumber<uint64_t>(rest.substr(2, rest.size() - 3));
      if (inode) return *inode;
    }
  }
  return ParseError("ns", kind, target);
}

absl::StatusOr<std::string> ParseBootId(std::string_view text) {
  const std::string_view id = WithoutNewline(text);
  bool is_uuid = id.size() == 36;
  for (size_t i = 0; is_uuid && i < id.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = id[i];
    is_uuid = is_dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  }
  if (!is_uuid) return ParseError("boot_id", "uuid", text);
  return std::string(id);
}

std::string TtyName(uint32_t tty_nr) {
  if (tty_nr == 0) return "";
  const uint32_t major = (tty_nr >> 8) & 0xfff;
  const uint32_t minor = (tty_nr & 0xff) | ((tty_nr >> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return fmt::format("pts/{}", minor + (major - 136) * 256);
  switch (major) {
    case 4:
      return minor < 64 ? fmt::format("tty{}", minor) : fmt::format("ttyS{}", minor - 64);
    case 5:
      if (minor == 0) return "tty";
      if (minor == 1) return "console";
      break;
    case 166:
      return fmt::format("ttyACM{}", minor);
    case 188:
      return fmt::format("ttyUSB{}", minor);
    case 204:
      if (minor >= 64 && minor < 80) return fmt::format("ttyAMA{}", minor - 64);
      break;
    case 229:
      return fmt::format("hvc{}", minor);
    default:
      break;
  }
  return fmt::format("{}:{}", major, minor);
}

}  // namespace daemoneye::procfs
