// LayerValues: what one layer sets, and every mistake in it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libs/config/name_index.h"
#include "libs/config/option_spec.h"
#include "libs/config/option_value.h"

namespace daemoneye::config {

struct LayerValue {
  OptionValue value;
  std::string where;  // "--interval", "DAEMONEYE_INTERVAL", "/etc/daemoneye/procmond.yaml:3"
};

class LayerValues {
 public:
  LayerValues(const OptionTable& table, const NameIndex& index) : table_(table), index_(index) {}

  const OptionTable& table() const { return table_; }
  const NameIndex& index() const { return index_; }

  // Sets setting `spec_index`, unless `value` is an error or this layer set it before: then that
  // becomes an error "<name>: <what>", where `name` is as written, with its place.
  void Set(size_t spec_index, std::string_view name, std::string where,
           absl::StatusOr<OptionValue> value);

  void AddError(std::string error) { errors_.push_back(std::move(error)); }

  // By index in the table's specs.
  const std::map<size_t, LayerValue>& values() const { return values_; }
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  const OptionTable& table_;
  const NameIndex& index_;
  std::map<size_t, LayerValue> values_;
  std::map<size_t, std::string> names_;
  std::vector<std::string> errors_;
};

}  // namespace daemoneye::config
