// A file of triggers, in YAML or JSON: one trigger, or a gateway's file with `triggers:`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemoneye/v1/trigger.pb.h"

namespace daemoneye::eyectl {

// The triggers of the file at `path`. InvalidArgument names the field that is wrong.
absl::StatusOr<std::vector<v1::Trigger>> ReadTriggers(const std::string& path);
absl::StatusOr<std::vector<v1::Trigger>> ParseTriggers(std::string_view text);

}  // namespace daemoneye::eyectl
