#include "tools/eyectl/trigger_file.h"

#include <fmt/format.h>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/config/config.h"
#include "libs/config/document.h"
#include "libs/config/proto_document.h"
#include "libs/config/yaml_tree.h"

namespace daemoneye::eyectl {

absl::StatusOr<std::vector<v1::Trigger>> ParseTriggers(std::string_view text) {
  ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(text));
  std::vector<v1::Trigger> triggers;
  for (const config::YamlNode& member : root.children) {
    if (member.name != "triggers") continue;
    ASSIGN_OR_RETURN(const config::Document list, config::MakeDocument(member));
    RETURN_IF_ERROR(config::ParseProtoList(
        list.json, "triggers",
        [&]() -> google::protobuf::Message& { return triggers.emplace_back(); }));
    return triggers;
  }
  ASSIGN_OR_RETURN(const config::Document one, config::MakeDocument(root));
  RETURN_IF_ERROR(config::ParseProtoObject(one.json, "", triggers.emplace_back()));
  return triggers;
}

absl::StatusOr<std::vector<v1::Trigger>> ReadTriggers(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, config::ReadConfigFile(path, config::kMaxYamlBytes));
  absl::StatusOr<std::vector<v1::Trigger>> triggers = ParseTriggers(text);
  if (!triggers.ok()) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", base::EscapeForTerminal(path),
                                                  std::string(triggers.status().message())));
  }
  return triggers;
}

}  // namespace daemoneye::eyectl
