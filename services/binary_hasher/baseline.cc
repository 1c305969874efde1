#include "services/binary_hasher/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/config/config.h"

namespace daemoneye::hasher {
namespace {

constexpr size_t kDigits = 64;

bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::string LowerCase(std::string_view digits) {
  std::string text(digits);
  for (char& c : text) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// A path with \\, \n and \r; nullopt for any other escape.
std::optional<std::string> Unescape(std::string_view text) {
  std::string path;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      path += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    if (text[i] == '\\') {
      path += '\\';
    } else if (text[i] == 'n') {
      path += '\n';
    } else if (text[i] == 'r') {
      path += '\r';
    } else {
      return std::nullopt;
    }
  }
  return path;
}

// Why a line cannot be read; empty: it was.
std::string_view ReadLine(std::string_view line, std::string& digest, std::string& path) {
  const bool is_escaped = line.starts_with('\\');
  if (is_escaped) line.remove_prefix(1);
  if (!IsSha256(line.substr(0, kDigits))) return "does not begin with 64 hexadecimal digits";
  digest = LowerCase(line.substr(0, kDigits));
  line.remove_prefix(kDigits);
  if (!line.starts_with("  ") && !line.starts_with(" *")) {
    return "has not two spaces, or one and a \"*\", between digest and path";
  }
  line.remove_prefix(2);
  const std::optional<std::string> text =
      is_escaped ? Unescape(line) : std::optional<std::string>(line);
  if (!text.has_value()) return "has an escape in its path that sha256sum does not write";
  if (!text->starts_with('/')) return "has a path that is not absolute";
  path = *text;
  return "";
}

}  // namespace

bool IsSha256(std::string_view text) {
  return text.size() == kDigits && std::ranges::all_of(text, IsHexDigit);
}

absl::StatusOr<Baseline> Baseline::Parse(std::string_view text) {
  Baseline baseline;
  std::string digest, path;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (number > kMaxBaselineLines) {
      return absl::InvalidArgumentError(fmt::format("more than {} lines", kMaxBaselineLines));
    }
    if (const std::string_view wrong = ReadLine(line, digest, path); !wrong.empty()) {
      return absl::InvalidArgumentError(fmt::format("line {}: {}", number, wrong));
    }
    baseline.digests_[path].push_back(digest);
  }
  return baseline;
}

absl::StatusOr<Baseline> Baseline::Read(const std::string& path) {
  if (path.empty()) return Baseline();
  ASSIGN_OR_RETURN(const std::string text, config::ReadConfigFile(path, kMaxBaselineBytes));
  return Parse(text);
}

const std::vector<std::string>* Baseline::Find(std::string_view path) const {
  const auto found = digests_.find(std::string(path));
  return found == digests_.end() ? nullptr : &found->second;
}

}  // namespace daemoneye::hasher
