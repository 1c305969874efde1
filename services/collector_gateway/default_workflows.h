// The text of default_workflows.yaml, which the build makes a part of the binary.
#pragma once

#include <string_view>

namespace daemoneye::gateway {

extern const std::string_view kDefaultWorkflowsYaml;

}  // namespace daemoneye::gateway
