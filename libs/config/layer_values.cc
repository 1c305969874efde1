#include "libs/config/layer_values.h"

#include <fmt/format.h>

#include <utility>

namespace daemoneye::config {

void LayerValues::Set(size_t spec_index, std::string_view name, std::string where,
                      absl::StatusOr<OptionValue> value) {
  const auto [first, is_new] = names_.emplace(spec_index, name);
  if (!is_new) {
    AddError(first->second == name ? fmt::format("{}: given twice", name)
                                   : fmt::format("{}: is the same setting as {}; give one of them",
                                                 name, first->second));
    return;
  }
  if (!value.ok()) {
    AddError(fmt::format("{}: {}", name, std::string(value.status().message())));
    return;
  }
  values_.emplace(spec_index, LayerValue{*std::move(value), std::move(where)});
}

}  // namespace daemoneye::config
