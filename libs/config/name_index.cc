#include "libs/config/name_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace daemoneye::config {
namespace {

bool IsSnakeCase(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::string NormalName(std::string_view name) {
  std::string normal(name);
  std::ranges::replace(normal, '-', '_');
  return normal;
}

std::string VariableName(std::string_view name) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  return "DAEMONEYE_" + upper;
}

absl::StatusOr<NameIndex> NameIndex::Create(const OptionTable& table) {
  NameIndex index;
  for (size_t i = 0; i < table.specs.size(); ++i) {
    const OptionSpec& spec = table.specs[i];
    std::vector<std::string> names = {spec.key};
    if (!spec.flag.empty() && spec.flag != spec.key) names.push_back(spec.flag);
    names.insert(names.end(), spec.other_names.begin(), spec.other_names.end());
    for (const std::string& name : names) {
      if (!IsSnakeCase(name)) {
        return absl::InternalError(fmt::format("setting name '{}' is not snake_case", name));
      }
      if (!index.by_name_.emplace(name, i).second) {
        return absl::InternalError(fmt::format("two settings are named {}", name));
      }
      index.names_.push_back(name);
    }
  }
  return index;
}

std::optional<size_t> NameIndex::Find(std::string_view name) const {
  const auto it = by_name_.find(std::string(name));
  if (it == by_name_.end()) return std::nullopt;
  return it->second;
}

bool NameIndex::HasSection(std::string_view section) const {
  return std::ranges::any_of(names_, [&](const std::string& name) {
    return name.size() > section.size() && name.starts_with(section) && name[section.size()] == '_';
  });
}

}  // namespace daemoneye::config
