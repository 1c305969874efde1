// NameIndex: from every name of every setting to its spec.
//
// Threads: immutable, so any.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "libs/config/option_spec.h"

namespace daemoneye::config {

// `name` with `-` as `_`.
std::string NormalName(std::string_view name);

// DAEMONEYE_<NAME>.
std::string VariableName(std::string_view name);

class NameIndex {
 public:
  // Internal, with what is wrong, when two settings share a name or a name is not snake_case.
  static absl::StatusOr<NameIndex> Create(const OptionTable& table);

  // The index in the table's specs; `name` is normal.
  std::optional<size_t> Find(std::string_view name) const;

  // Whether some setting's name begins with `section` and `_`.
  bool HasSection(std::string_view section) const;

  const std::vector<std::string>& names() const { return names_; }

 private:
  absl::flat_hash_map<std::string, size_t> by_name_;
  std::vector<std::string> names_;
};

}  // namespace daemoneye::config
