// A file of workflows, in YAML or JSON: one workflow, or a gateway's file with `workflows:`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemoneye/v1/workflow.pb.h"

namespace daemoneye::eyectl {

// The workflows of the file at `path`. InvalidArgument names the field that is wrong.
absl::StatusOr<std::vector<v1::Workflow>> ReadWorkflows(const std::string& path);
absl::StatusOr<std::vector<v1::Workflow>> ParseWorkflows(std::string_view text);

}  // namespace daemoneye::eyectl
