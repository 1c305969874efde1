// OptionValue: a setting's value, and its way from text and back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/config/document.h"
#include "libs/config/option_spec.h"

namespace daemoneye::config {

using StringList = std::vector<std::string>;
using StringMap = std::map<std::string, std::string>;

// bool | int | double | bytes | duration | string and enum | list | map | document.
using OptionValue = std::variant<bool, int64_t, double, uint64_t, absl::Duration, std::string,
                                 StringList, StringMap, Document>;

// No text of a setting is longer, no list or map has more elements.
inline constexpr size_t kMaxTextBytes = 4096;
inline constexpr size_t kMaxElements = 1024;

// `text`, as it stands behind a flag, in a variable or as a scalar in a file. InvalidArgument says
// what is wrong and what would be right, without the setting's name: "4 is below 5 (seconds,
// 5..3600)".
absl::StatusOr<OptionValue> ParseValue(const OptionSpec& spec, std::string_view text);

// Bounds and choices of a value that came as a YAML sequence or mapping.
absl::Status CheckValue(const OptionSpec& spec, const OptionValue& value);

// The value as YAML that gives it back: 30s, 16MiB, "text", ["a", "b"], {"k": "v"}.
std::string FormatValue(const OptionValue& value);

// "seconds, 5..3600", "at least 1", "one of text, json"; empty when anything goes.
std::string DescribeBounds(const OptionSpec& spec);

}  // namespace daemoneye::config
