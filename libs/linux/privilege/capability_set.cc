#include "libs/linux/privilege/capability_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/capability.h>

namespace daemoneye::privilege {

std::vector<std::string> CapabilitySet::Names() const {
  std::vector<std::string> names;
  for (cap_value_t value = 0; value < 64; ++value) {
    if ((bits_ >> static_cast<unsigned>(value) & 1) == 0) continue;
    char* name = ::cap_to_name(value);
    names.push_back(name == nullptr ? std::to_string(value) : name);
    ::cap_free(name);
  }
  return names;
}

std::string CapabilitySet::ToString() const {
  return empty() ? "none" : fmt::format("{}", fmt::join(Names(), ","));
}

}  // namespace daemoneye::privilege
