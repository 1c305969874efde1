// WorkflowConfig: what the configuration file says of workflows, checked as far as text alone can
// be.
//
//   workflows:   a list of daemoneye.v1.Workflow in YAML (enums with or without their prefix)
//   default_workflows: false   turns those that come with the gateway off
//
// All of it is one generation: the first mistake refuses the whole.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemoneye/v1/workflow.pb.h"
#include "libs/config/config.h"

namespace daemoneye::gateway {

struct WorkflowConfig {
  // The default ones and the file's, by id; managed_by FILE.
  std::map<std::string, v1::Workflow> workflows;
  // Workflow id → where it stands: "workflows[3]".
  std::map<std::string, std::string> paths;
};

// InvalidArgument names the field: "workflows[3].stages[1].timeout: must be 100 ms to 1 h".
absl::StatusOr<WorkflowConfig> ReadWorkflowConfig(const config::Config& config);

// From the document itself, which may be empty.
absl::StatusOr<WorkflowConfig> ParseWorkflowConfig(bool default_workflows,
                                                   std::string_view workflows);

// Those that come with the gateway (default_workflows.yaml). Internal: they are broken.
absl::StatusOr<std::vector<v1::Workflow>> DefaultWorkflows();

}  // namespace daemoneye::gateway
