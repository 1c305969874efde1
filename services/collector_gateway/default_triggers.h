// The text of default_triggers.yaml, which the build makes a part of the binary.
#pragma once

#include <string_view>

namespace daemoneye::gateway {

extern const std::string_view kDefaultTriggersYaml;

}  // namespace daemoneye::gateway
