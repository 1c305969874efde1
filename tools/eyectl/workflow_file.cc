#include "tools/eyectl/workflow_file.h"

#include <fmt/format.h>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/config/config.h"
#include "libs/config/document.h"
#include "libs/config/proto_document.h"
#include "libs/config/yaml_tree.h"

namespace daemoneye::eyectl {

absl::StatusOr<std::vector<v1::Workflow>> ParseWorkflows(std::string_view text) {
  ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(text));
  std::vector<v1::Workflow> workflows;
  for (const config::YamlNode& member : root.children) {
    if (member.name != "workflows") continue;
    ASSIGN_OR_RETURN(const config::Document list, config::MakeDocument(member));
    RETURN_IF_ERROR(config::ParseProtoList(
        list.json, "workflows",
        [&]() -> google::protobuf::Message& { return workflows.emplace_back(); }));
    return workflows;
  }
  ASSIGN_OR_RETURN(const config::Document one, config::MakeDocument(root));
  RETURN_IF_ERROR(config::ParseProtoObject(one.json, "", workflows.emplace_back()));
  return workflows;
}

absl::StatusOr<std::vector<v1::Workflow>> ReadWorkflows(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, config::ReadConfigFile(path, config::kMaxYamlBytes));
  absl::StatusOr<std::vector<v1::Workflow>> workflows = ParseWorkflows(text);
  if (!workflows.ok()) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", base::EscapeForTerminal(path),
                                                  std::string(workflows.status().message())));
  }
  return workflows;
}

}  // namespace daemoneye::eyectl
