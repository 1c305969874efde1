// OptionSpec, OptionTable: what settings a component has. One table makes its flags, its
// environment variables, the keys of its file, --print_config, --help and the reference page.
//
// A setting has a key and may have a flag name and alternative names; all of them are one setting,
// `-` and `_` are alike, and every name works in every layer:
//   --interval 60   --collection-interval=60   DAEMONEYE_INTERVAL=60   collection_interval: 60
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace daemoneye::config {

class Config;

enum class OptionType {
  kBool,      // true, false, yes, no, on, off, 1, 0
  kInt,       // a whole number
  kDouble,    // a decimal number
  kBytes,     // 4096, 64KiB, 16MiB, 1GB
  kDuration,  // 30 (in the spec's unit), 30s, 500ms, 1h30m
  kString,
  kList,      // a,b,c or a YAML sequence
  kMap,       // k=v,l=w or a YAML mapping
  kEnum,      // one of `choices`
  kDocument,  // a YAML sequence or mapping, handed over whole; only in the file
};

struct OptionSpec {
  // The canonical name: the key in the file. snake_case, as all names here.
  std::string key;
  // Name of the flag and, upper case after DAEMONEYE_, of the variable. Empty: the key serves.
  std::string flag = {};
  std::vector<std::string> other_names = {};
  OptionType type = OptionType::kString;
  // "seconds", "milliseconds", "minutes" or "hours" for a duration (what a bare number means, and
  // what the bounds are in); a word for the documentation on others.
  std::string unit = {};
  // Bounds, both included: of the number; of a text's length in bytes; of the count of elements of
  // a list or map. Numbers below 0 need a `min` that says so.
  std::optional<double> min = {};
  std::optional<double> max = {};
  // Of an enum, and of each element of a list.
  std::vector<std::string> choices = {};
  // As it would be written behind the flag.
  std::string default_text = {};
  // One sentence or two, without the default and the bounds, which are added.
  std::string doc = {};
  // May change without a restart: only where the component really applies it.
  bool reloadable = false;
  // Never printed.
  bool secret = false;
  // An action of this run (--version): refused in the environment and in a file, never printed.
  bool flag_only = false;
  // Refused in a file, since it says which file (config).
  bool not_in_file = false;

  // Refused as a flag and in the environment.
  bool file_only() const { return type == OptionType::kDocument; }
  // The name a flag is documented under.
  const std::string& flag_name() const { return flag.empty() ? key : flag; }
};

// A rule between settings, such as "threshold below buffer". Names the setting and what would be
// right; runs on every Load and Reload.
using ConfigCheck = std::function<absl::Status(const Config&)>;

struct OptionTable {
  // The binary's: /etc/daemoneye/<component>.yaml.
  std::string component;
  std::vector<OptionSpec> specs;
  std::vector<ConfigCheck> checks;

  // Adds the settings and checks of `other`.
  OptionTable& Append(OptionTable other);
};

// Whether any of `args` (argv without argv[0]) is --help or -h; then nothing else need be valid.
bool AsksForHelp(const std::vector<std::string>& args);
// Likewise for --version.
bool AsksForVersion(const std::vector<std::string>& args);

}  // namespace daemoneye::config
