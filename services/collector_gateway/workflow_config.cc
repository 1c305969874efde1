#include "services/collector_gateway/workflow_config.h"

#include <utility>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/config/document.h"
#include "libs/config/proto_document.h"
#include "libs/config/yaml_tree.h"
#include "services/collector_gateway/default_workflows.h"
#include "services/collector_gateway/workflow_fields.h"

namespace daemoneye::gateway {
namespace {

// Adds `workflows`; an id twice among them is a mistake, one of before is replaced.
absl::Status AddWorkflows(std::vector<v1::Workflow> workflows, const std::string& path,
                          WorkflowConfig& config) {
  std::map<std::string, size_t> seen;
  for (size_t i = 0; i < workflows.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    RETURN_IF_ERROR(CheckWorkflowFields(workflows[i], at + ".", /*needs_id=*/true));
    const std::string id = workflows[i].id();
    const auto [first, is_new] = seen.emplace(id, i);
    if (!is_new) {
      return absl::InvalidArgumentError(
          fmt::format("{}.id: {} is the id of {}[{}], too", at, id, path, first->second));
    }
    workflows[i].set_managed_by(v1::TRIGGER_MANAGER_FILE);
    config.paths[id] = at;
    config.workflows[id] = std::move(workflows[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Workflow>> ParseWorkflows(std::string_view json,
                                                         std::string_view path) {
  std::vector<v1::Workflow> workflows;
  RETURN_IF_ERROR(config::ParseProtoList(
      json, path, [&]() -> google::protobuf::Message& { return workflows.emplace_back(); }));
  return workflows;
}

}  // namespace

absl::StatusOr<std::vector<v1::Workflow>> DefaultWorkflows() {
  const auto make = []() -> absl::StatusOr<std::vector<v1::Workflow>> {
    // A document's root is a mapping.
    std::string text = "workflows:\n";
    text += kDefaultWorkflowsYaml;
    ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(text));
    ASSIGN_OR_RETURN(const config::Document document, config::MakeDocument(root.children.at(0)));
    return ParseWorkflows(document.json, "default_workflows");
  };
  absl::StatusOr<std::vector<v1::Workflow>> workflows = make();
  if (!workflows.ok()) return absl::InternalError(std::string(workflows.status().message()));
  return workflows;
}

absl::StatusOr<WorkflowConfig> ParseWorkflowConfig(bool default_workflows,
                                                   std::string_view workflows) {
  WorkflowConfig config;
  if (default_workflows) {
    ASSIGN_OR_RETURN(std::vector<v1::Workflow> defaults, DefaultWorkflows());
    RETURN_IF_ERROR(AddWorkflows(std::move(defaults), "default_workflows", config));
  }
  ASSIGN_OR_RETURN(std::vector<v1::Workflow> own, ParseWorkflows(workflows, "workflows"));
  RETURN_IF_ERROR(AddWorkflows(std::move(own), "workflows", config));
  return config;
}

absl::StatusOr<WorkflowConfig> ReadWorkflowConfig(const config::Config& config) {
  return ParseWorkflowConfig(config.GetBool("default_workflows"), config.GetDocument("workflows"));
}

}  // namespace daemoneye::gateway
