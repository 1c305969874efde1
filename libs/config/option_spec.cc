#include "libs/config/option_spec.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace daemoneye::config {

OptionTable& OptionTable::Append(OptionTable other) {
  std::ranges::move(other.specs, std::back_inserter(specs));
  std::ranges::move(other.checks, std::back_inserter(checks));
  return *this;
}

bool AsksForHelp(const std::vector<std::string>& args) {
  return std::ranges::any_of(args, [](const auto& arg) { return arg == "--help" || arg == "-h"; });
}

bool AsksForVersion(const std::vector<std::string>& args) {
  return std::ranges::find(args, "--version") != args.end();
}

}  // namespace daemoneye::config
