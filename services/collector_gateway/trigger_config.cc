#include "services/collector_gateway/trigger_config.h"

#include <charconv>
#include <system_error>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/config/document.h"
#include "libs/config/nearest_name.h"
#include "libs/config/proto_document.h"
#include "libs/config/yaml_tree.h"
#include "services/collector_gateway/default_triggers.h"
#include "services/collector_gateway/trigger_fields.h"

namespace daemoneye::gateway {
namespace {

// A mistake in one of `triggers`, of which the file's name is `path`.
absl::Status CheckFields(const v1::Trigger& trigger, const std::string& path) {
  const std::vector<v1::TriggerProblem> problems = CheckTriggerFields(trigger);
  if (problems.empty()) return CheckServersFields(trigger, path);
  return absl::InvalidArgumentError(
      fmt::format("{}.{}: {}", path, problems[0].field(), problems[0].message()));
}

// Adds `triggers`; an id twice among them is a mistake, one of before is replaced.
absl::Status AddTriggers(std::vector<v1::Trigger> triggers, const std::string& path,
                         TriggerConfig& config) {
  std::map<std::string, size_t> seen;
  for (size_t i = 0; i < triggers.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    RETURN_IF_ERROR(CheckFields(triggers[i], at));
    const auto [first, is_new] = seen.emplace(triggers[i].id(), i);
    if (!is_new) {
      return absl::InvalidArgumentError(fmt::format("{}.id: {} is the id of {}[{}], too", at,
                                                    triggers[i].id(), path, first->second));
    }
    triggers[i].set_managed_by(v1::TRIGGER_MANAGER_FILE);
    const std::string id = triggers[i].id();
    config.paths[id] = at;
    config.triggers[id] = std::move(triggers[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Trigger>> ParseTriggers(std::string_view json,
                                                       std::string_view path) {
  std::vector<v1::Trigger> triggers;
  RETURN_IF_ERROR(config::ParseProtoList(
      json, path, [&]() -> google::protobuf::Message& { return triggers.emplace_back(); }));
  return triggers;
}

std::string OverridePath(std::string_view id) {
  return "overrides." + base::EscapeForTerminal(base::Utf8Prefix(id, 64));
}

absl::Status ApplyOverride(const std::string& id, const v1::Trigger& override,
                           TriggerConfig& config) {
  std::map<std::string, v1::Trigger>& by_id = config.triggers;
  const std::string path = OverridePath(id);
  const auto found = by_id.find(id);
  if (found == by_id.end()) {
    std::vector<std::string> ids;
    for (const auto& [known, trigger] : by_id) ids.push_back(known);
    return absl::InvalidArgumentError(
        fmt::format("{}: there is no such trigger{}", path, config::DidYouMean(id, ids)));
  }
  v1::Trigger rest = override;
  rest.clear_enabled();
  rest.clear_severity();
  rest.clear_exceptions();
  if (rest.ByteSizeLong() != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{}: only enabled, severity and exceptions can be overridden", path));
  }
  config.own_exceptions[id] = found->second.exceptions_size();
  found->second.MergeFrom(override);
  return CheckFields(found->second, path);
}

absl::Status ReadLists(std::string_view json,
                       std::map<std::string, std::vector<std::string>>& lists) {
  ASSIGN_OR_RETURN(auto parsed, config::ParseTextLists(json, "lists"));
  size_t total = 0;
  for (auto& [name, values] : parsed) {
    total += values.size();
    if (total > kMaxListValues) {
      return absl::InvalidArgumentError(
          fmt::format("lists: more than {} values together", kMaxListValues));
    }
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i].size() <= kMaxListValueBytes) continue;
      return absl::InvalidArgumentError(
          fmt::format("lists.{}[{}]: longer than {} bytes",
                      base::EscapeForTerminal(base::Utf8Prefix(name, 64)), i, kMaxListValueBytes));
    }
    lists[name] = std::move(values);
  }
  return absl::OkStatus();
}

}  // namespace

std::string TriggerConfig::PathOf(const std::string& id, const std::string& field) const {
  const auto path = paths.find(id);
  const std::string whole = path == paths.end() ? field : path->second + "." + field;
  const auto own = own_exceptions.find(id);
  if (own == own_exceptions.end()) return whole;
  constexpr std::string_view kExceptions = "exceptions[";
  size_t number = 0;
  if (field.starts_with(kExceptions)) {
    const char* const begin = field.data() + kExceptions.size();
    const auto parsed = std::from_chars(begin, field.data() + field.size(), number);
    const auto before = static_cast<size_t>(own->second);
    if (parsed.ec == std::errc() && number >= before) {
      return fmt::format("{}.exceptions[{}]", OverridePath(id), number - before);
    }
  }
  // A test of the trigger that the override breaks, say.
  return fmt::format("{}: {}", OverridePath(id), whole);
}

absl::StatusOr<std::vector<v1::Trigger>> DefaultTriggers() {
  const auto make = []() -> absl::StatusOr<std::vector<v1::Trigger>> {
    // A document's root is a mapping.
    std::string text = "triggers:\n";
    text += kDefaultTriggersYaml;
    ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(text));
    ASSIGN_OR_RETURN(const config::Document document, config::MakeDocument(root.children.at(0)));
    return ParseTriggers(document.json, "default_triggers");
  };
  absl::StatusOr<std::vector<v1::Trigger>> triggers = make();
  if (!triggers.ok()) return absl::InternalError(std::string(triggers.status().message()));
  return triggers;
}

absl::StatusOr<TriggerConfig> ParseTriggerConfig(const TriggerDocuments& documents) {
  TriggerConfig config;
  if (documents.default_triggers) {
    ASSIGN_OR_RETURN(std::vector<v1::Trigger> defaults, DefaultTriggers());
    RETURN_IF_ERROR(AddTriggers(std::move(defaults), "default_triggers", config));
    for (const auto& [id, trigger] : config.triggers) config.untouched.insert(id);
  }
  ASSIGN_OR_RETURN(std::vector<v1::Trigger> own, ParseTriggers(documents.triggers, "triggers"));
  for (const v1::Trigger& trigger : own) config.untouched.erase(trigger.id());
  RETURN_IF_ERROR(AddTriggers(std::move(own), "triggers", config));
  std::map<std::string, v1::Trigger> overrides;
  RETURN_IF_ERROR(config::ParseProtoMap(
      documents.overrides, "overrides",
      [&](const std::string& id) -> google::protobuf::Message& { return overrides[id]; }));
  for (const auto& [id, override] : overrides) {
    RETURN_IF_ERROR(ApplyOverride(id, override, config));
    config.untouched.erase(id);
  }
  RETURN_IF_ERROR(ReadLists(documents.lists, config.lists));
  return config;
}

absl::StatusOr<TriggerConfig> ReadTriggerConfig(const config::Config& config) {
  return ParseTriggerConfig({.default_triggers = config.GetBool("default_triggers"),
                             .triggers = config.GetDocument("triggers"),
                             .lists = config.GetDocument("lists"),
                             .overrides = config.GetDocument("overrides")});
}

}  // namespace daemoneye::gateway
