// TriggerConfig: what the configuration file says of triggers, checked as far as text alone can be.
//
//   triggers:   a list of daemoneye.v1.Trigger in YAML (enums with or without their prefix)
//   lists:      name → values, the table `lists`
//   overrides:  trigger id → enabled, severity, exceptions (added to the trigger's own)
//   default_triggers: false   turns the set that comes with the gateway off
//
// All of it is one generation: the first mistake refuses the whole.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemoneye/v1/trigger.pb.h"
#include "libs/config/config.h"

namespace daemoneye::gateway {

struct TriggerConfig {
  // The default set and the file's, by id, with overrides applied; managed_by FILE.
  std::map<std::string, v1::Trigger> triggers;
  std::map<std::string, std::vector<std::string>> lists;
  // Trigger id → where it stands: "triggers[3]".
  std::map<std::string, std::string> paths;
  // Trigger id → its exceptions that are not of `overrides`; of overridden triggers alone.
  std::map<std::string, int> own_exceptions;
  // Of the default set, those that the file leaves as they are.
  std::set<std::string> untouched;

  // Where a field of a trigger stands: "triggers[3].condition.sql", "overrides.a.exceptions[0]".
  std::string PathOf(const std::string& id, const std::string& field) const;
};

inline constexpr size_t kMaxListValues = 100'000;
inline constexpr size_t kMaxListValueBytes = 4096;

// InvalidArgument names the field: "triggers[3].condition.sql: wants a text".
absl::StatusOr<TriggerConfig> ReadTriggerConfig(const config::Config& config);

// From the documents themselves; each may be empty.
struct TriggerDocuments {
  bool default_triggers = true;
  std::string_view triggers = {};
  std::string_view lists = {};
  std::string_view overrides = {};
};
absl::StatusOr<TriggerConfig> ParseTriggerConfig(const TriggerDocuments& documents);

// The set that comes with the gateway (default_triggers.yaml). Internal: it is broken.
absl::StatusOr<std::vector<v1::Trigger>> DefaultTriggers();

}  // namespace daemoneye::gateway
