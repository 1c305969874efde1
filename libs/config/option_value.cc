#include "libs/config/option_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/config/nearest_name.h"
#include "libs/config/value_text.h"

namespace daemoneye::config {
namespace {

// What an error may show of a value.
std::string Shown(const OptionSpec& spec, std::string_view text) {
  if (spec.secret) return "the value";
  const std::string_view shown = base::Utf8Prefix(text, 64);
  return base::EscapeForTerminal(shown) + (shown.size() < text.size() ? "..." : "");
}

absl::Status NotA(const OptionSpec& spec, std::string_view text, std::string_view what) {
  const std::string bounds = DescribeBounds(spec);
  return absl::InvalidArgumentError(fmt::format("'{}' is not {}{}", Shown(spec, text), what,
                                                bounds.empty() ? "" : " (" + bounds + ")"));
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  return std::nullopt;
}

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> SplitAtCommas(std::string_view text) {
  std::vector<std::string_view> parts;
  if (Trim(text).empty()) return parts;
  for (;;) {
    const size_t comma = text.find(',');
    parts.push_back(Trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

absl::StatusOr<OptionValue> ParseMap(const OptionSpec& spec, std::string_view text) {
  StringMap map;
  for (std::string_view part : SplitAtCommas(text)) {
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) return NotA(spec, part, "key=value");
    const std::string key(Trim(part.substr(0, equals)));
    if (!map.emplace(key, Trim(part.substr(equals + 1))).second) {
      return absl::InvalidArgumentError(fmt::format("key '{}' stands twice", Shown(spec, key)));
    }
  }
  return map;
}

absl::StatusOr<OptionValue> ParseUnchecked(const OptionSpec& spec, std::string_view text) {
  switch (spec.type) {
    case OptionType::kBool:
      if (const auto value = ParseBool(text)) return *value;
      return NotA(spec, text, "true or false");
    case OptionType::kInt:
      if (const auto value = ParseNumber<int64_t>(text)) return *value;
      return NotA(spec, text, "a whole number");
    case OptionType::kDouble:
      if (const auto value = ParseNumber<double>(text); value && std::isfinite(*value)) {
        return *value;
      }
      return NotA(spec, text, "a number");
    case OptionType::kBytes:
      if (const auto value = ParseByteCount(text)) return *value;
      return NotA(spec, text, "a count of bytes such as 4096, 64KiB or 16MiB");
    case OptionType::kDuration:
      if (const auto value = ParseDuration(text, TimeUnit(spec.unit).value_or(absl::Seconds(1)))) {
        return *value;
      }
      return NotA(spec, text, "a duration such as 30s, 500ms or 5m");
    case OptionType::kString:
    case OptionType::kEnum:
      return std::string(text);
    case OptionType::kList: {
      StringList list;
      for (std::string_view part : SplitAtCommas(text)) list.emplace_back(part);
      return list;
    }
    case OptionType::kMap:
      return ParseMap(spec, text);
    case OptionType::kDocument:
      // A default; what is given comes from MakeDocument.
      if (text.empty()) return Document{};
      return absl::InvalidArgumentError("can only be set in the file");
  }
  return absl::InternalError("unknown option type");
}

// What the bounds are compared with.
double Magnitude(const OptionSpec& spec, const OptionValue& value) {
  struct Visitor {
    const OptionSpec& spec;
    double operator()(bool) const { return 0; }
    double operator()(int64_t v) const { return static_cast<double>(v); }
    double operator()(double v) const { return v; }
    double operator()(uint64_t v) const { return static_cast<double>(v); }
    double operator()(absl::Duration v) const {
      return absl::FDivDuration(v, TimeUnit(spec.unit).value_or(absl::Seconds(1)));
    }
    double operator()(const std::string& v) const { return static_cast<double>(v.size()); }
    double operator()(const StringList& v) const { return static_cast<double>(v.size()); }
    double operator()(const StringMap& v) const { return static_cast<double>(v.size()); }
    double operator()(const Document& v) const { return static_cast<double>(v.size); }
  };
  return std::visit(Visitor{spec}, value);
}

std::string MagnitudeText(const OptionSpec& spec, double bound) {
  if (spec.type == OptionType::kBytes) return ByteCountText(static_cast<uint64_t>(bound));
  return fmt::format("{}", bound);
}

std::string_view UnitName(const OptionSpec& spec) {
  switch (spec.type) {
    case OptionType::kString:
    case OptionType::kBytes:
      return "bytes";
    case OptionType::kList:
    case OptionType::kMap:
    case OptionType::kDocument:
      return "elements";
    default:
      return spec.unit;
  }
}

// Numbers are not negative unless the spec says so; texts and collections never are.
std::optional<double> LowerBound(const OptionSpec& spec) {
  const bool is_number = spec.type == OptionType::kInt || spec.type == OptionType::kDouble ||
                         spec.type == OptionType::kDuration;
  return is_number ? spec.min.value_or(0) : spec.min;
}

absl::Status CheckBounds(const OptionSpec& spec, const OptionValue& value, std::string_view shown) {
  if (spec.type == OptionType::kBool || spec.type == OptionType::kEnum) return absl::OkStatus();
  const double magnitude = Magnitude(spec, value);
  const std::optional<double> min = LowerBound(spec);
  if (min && magnitude < *min) {
    return absl::InvalidArgumentError(
        fmt::format("{} is below {} ({})", shown, MagnitudeText(spec, *min), DescribeBounds(spec)));
  }
  if (spec.max && magnitude > *spec.max) {
    return absl::InvalidArgumentError(fmt::format(
        "{} is above {} ({})", shown, MagnitudeText(spec, *spec.max), DescribeBounds(spec)));
  }
  return absl::OkStatus();
}

absl::Status CheckText(const OptionSpec& spec, std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(
        fmt::format("a text of {} bytes is longer than {}", text.size(), kMaxTextBytes));
  }
  if (!base::IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    return NotA(spec, text, "UTF-8 text");
  }
  return absl::OkStatus();
}

absl::Status CheckChoice(const OptionSpec& spec, std::string_view text) {
  if (spec.choices.empty() || std::ranges::find(spec.choices, text) != spec.choices.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format("'{}' is not one of {}{}", Shown(spec, text),
                                                fmt::join(spec.choices, ", "),
                                                DidYouMean(text, spec.choices)));
}

absl::Status CheckTexts(const OptionSpec& spec, const OptionValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    RETURN_IF_ERROR(CheckText(spec, *text));
    return CheckChoice(spec, *text);
  }
  if (const auto* list = std::get_if<StringList>(&value)) {
    for (const std::string& element : *list) {
      if (element.empty()) return absl::InvalidArgumentError("has an empty element");
      RETURN_IF_ERROR(CheckText(spec, element));
      RETURN_IF_ERROR(CheckChoice(spec, element));
    }
    if (list->size() > kMaxElements) return absl::InvalidArgumentError("has too many elements");
  }
  if (const auto* map = std::get_if<StringMap>(&value)) {
    for (const auto& [key, element] : *map) {
      if (key.empty()) return absl::InvalidArgumentError("has an element without a key");
      RETURN_IF_ERROR(CheckText(spec, key));
      RETURN_IF_ERROR(CheckText(spec, element));
    }
    if (map->size() > kMaxElements) return absl::InvalidArgumentError("has too many elements");
  }
  return absl::OkStatus();
}

// How an error about bounds names the value: a number as it was written, the rest by its size.
std::string BoundsSubject(const OptionSpec& spec, const OptionValue& value, std::string_view text) {
  switch (spec.type) {
    case OptionType::kString:
      return fmt::format("its length of {}", Magnitude(spec, value));
    case OptionType::kList:
    case OptionType::kMap:
    case OptionType::kDocument:
      return fmt::format("its count of {}", Magnitude(spec, value));
    default:
      return Shown(spec, text);
  }
}

}  // namespace

absl::StatusOr<OptionValue> ParseValue(const OptionSpec& spec, std::string_view text) {
  ASSIGN_OR_RETURN(OptionValue value, ParseUnchecked(spec, text));
  RETURN_IF_ERROR(CheckTexts(spec, value));
  RETURN_IF_ERROR(CheckBounds(spec, value, BoundsSubject(spec, value, text)));
  return value;
}

absl::Status CheckValue(const OptionSpec& spec, const OptionValue& value) {
  RETURN_IF_ERROR(CheckTexts(spec, value));
  return CheckBounds(spec, value, BoundsSubject(spec, value, FormatValue(value)));
}

std::string FormatValue(const OptionValue& value) {
  struct Visitor {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return fmt::format("{}", v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(uint64_t v) const { return ByteCountText(v); }
    std::string operator()(absl::Duration v) const { return DurationText(v); }
    std::string operator()(const std::string& v) const { return QuoteYaml(v); }
    std::string operator()(const StringList& v) const {
      std::vector<std::string> parts;
      for (const std::string& element : v) parts.push_back(QuoteYaml(element));
      return fmt::format("[{}]", fmt::join(parts, ", "));
    }
    std::string operator()(const StringMap& v) const {
      std::vector<std::string> parts;
      for (const auto& [key, element] : v) {
        parts.push_back(fmt::format("{}: {}", QuoteYaml(key), QuoteYaml(element)));
      }
      return fmt::format("{{{}}}", fmt::join(parts, ", "));
    }
    std::string operator()(const Document& v) const { return v.yaml; }
  };
  return std::visit(Visitor{}, value);
}

std::string DescribeBounds(const OptionSpec& spec) {
  if (spec.type == OptionType::kBool) return "";
  std::string bounds;
  if (!spec.choices.empty()) bounds = fmt::format("one of {}", fmt::join(spec.choices, ", "));
  std::string range;
  const std::optional<double> min = LowerBound(spec);
  if (min && spec.max) {
    range = fmt::format("{}..{}", MagnitudeText(spec, *min), MagnitudeText(spec, *spec.max));
  } else if (min) {
    range = fmt::format("at least {}", MagnitudeText(spec, *min));
  } else if (spec.max) {
    range = fmt::format("at most {}", MagnitudeText(spec, *spec.max));
  }
  for (const std::string& part :
       {range.empty() ? std::string() : std::string(UnitName(spec)), range}) {
    if (part.empty()) continue;
    if (!bounds.empty()) bounds += ", ";
    bounds += part;
  }
  return bounds;
}

}  // namespace daemoneye::config
