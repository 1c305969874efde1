// FlagSet: the flags of one command: declared with where their value goes, parsed once.
//
// Takes --name=value and --name value, underscore and dash alike; a boolean is --name or
// --name=true|false, never followed by a loose value. Whatever is not declared is refused.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace daemoneye::eyectl {

struct Flag {
  std::string name;
  // What stands for the value in the help text; empty for a boolean.
  std::string value_name;
  std::string doc;
  // Takes one value; an error is returned with the flag's name in front.
  std::function<absl::Status(std::string_view)> set;
  bool repeatable = false;
};

class FlagSet {
 public:
  void Add(Flag flag);
  void AddText(std::string name, std::string value_name, std::string doc, std::string* out);
  void AddBool(std::string name, std::string doc, bool* out);
  void AddUnsigned(std::string name, std::string doc, uint64_t* out);
  // A duration such as 500ms, 10s, 5m; not negative.
  void AddDuration(std::string name, std::string doc, absl::Duration* out);

  // Sets every flag of `args`; returns what is not a flag, in order. After "--" nothing is a flag.
  // InvalidArgument says what is wrong and what would be right.
  absl::StatusOr<std::vector<std::string>> Parse(std::span<const std::string> args);

  // A line a flag.
  std::string Help() const;

 private:
  const Flag* Find(std::string_view name) const;
  absl::Status UnknownFlag(std::string_view name) const;

  std::vector<Flag> flags_;
};

// Parse a value; InvalidArgument says what would be right.
absl::StatusOr<bool> ParseBool(std::string_view text);
absl::StatusOr<uint64_t> ParseUnsigned(std::string_view text);
absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);

// The name nearest to `name`, where one is near enough to be a typing error.
std::optional<std::string> NearestName(std::string_view name, std::span<const std::string> names);

}  // namespace daemoneye::eyectl
