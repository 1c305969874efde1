#include "services/collector_gateway/sink_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/config/nearest_name.h"
#include "services/collector_gateway/webhook_url.h"

namespace daemoneye::gateway {
namespace {

using alerting::SinkConfig;
using alerting::SinkType;
using Json = nlohmann::json;

constexpr size_t kMaxNameBytes = 32;
constexpr size_t kMaxPathBytes = 4096;
constexpr absl::Duration kMaxTimeout = absl::Seconds(60);

absl::Status Bad(std::string_view why) { return absl::InvalidArgumentError(std::string(why)); }

absl::StatusOr<std::string> Text(const Json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) return Bad("want a text");
  return value.get<std::string>();
}

absl::Status SetName(const Json& value, SinkConfig& sink) {
  ASSIGN_OR_RETURN(sink.name, Text(value));
  const bool is_good =
      sink.name.size() <= kMaxNameBytes &&
      sink.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
  return is_good ? absl::OkStatus()
                 : Bad(fmt::format("want 1..{} of a-z, 0-9, '_' and '-'", kMaxNameBytes));
}

absl::Status SetPath(const Json& value, std::string& path) {
  ASSIGN_OR_RETURN(path, Text(value));
  const bool is_good =
      path.starts_with('/') && path.size() <= kMaxPathBytes && path.find('\0') == std::string::npos;
  return is_good ? absl::OkStatus() : Bad("want an absolute path");
}

absl::Status SetSeverity(const Json& value, SinkConfig& sink) {
  constexpr std::string_view kPrefix = "SEVERITY_";
  ASSIGN_OR_RETURN(std::string name, Text(value));
  if (!name.starts_with(kPrefix)) name.insert(0, kPrefix);
  if (v1::Severity_Parse(name, &sink.minimum_severity) &&
      sink.minimum_severity != v1::SEVERITY_UNSPECIFIED) {
    return absl::OkStatus();
  }
  return Bad("want INFO, LOW, MEDIUM, HIGH or CRITICAL");
}

absl::Status SetTimeout(const Json& value, absl::Duration& timeout) {
  if (value.is_string() && absl::ParseDuration(value.get<std::string>(), &timeout) &&
      timeout >= absl::Milliseconds(100) && timeout <= kMaxTimeout) {
    return absl::OkStatus();
  }
  return Bad("want a duration from 100ms to 60s");
}

absl::Status SetFormat(const Json& value, SinkConfig& sink) {
  if (value == "text") {
    sink.format = alerting::LineFormat::kText;
  } else if (value == "json") {
    sink.format = alerting::LineFormat::kJson;
  } else {
    return Bad("want text or json");
  }
  return absl::OkStatus();
}

absl::Status SetReplay(const Json& value, SinkConfig& sink) {
  if (!value.is_boolean()) return Bad("want true or false");
  sink.replay_dead_letters = value.get<bool>();
  return absl::OkStatus();
}

absl::Status SetUrl(const Json& value, SinkConfig& sink) {
  ASSIGN_OR_RETURN(sink.url, Text(value));
  return CheckWebhookUrl(sink.url);
}

using Setter = std::function<absl::Status(const Json&, SinkConfig&)>;

struct Key {
  std::string name;
  bool is_required;
  Setter set;
};

// The keys of a type beside name and type.
std::vector<Key> KeysOf(SinkType type) {
  std::vector<Key> keys = {{"minimum_severity", false, SetSeverity},
                           {"replay_dead_letters", false, SetReplay}};
  const Setter timeout = [](const Json& v, SinkConfig& s) { return SetTimeout(v, s.timeout); };
  switch (type) {
    case SinkType::kStdout:
      keys.push_back({"format", false, SetFormat});
      keys.push_back({"timeout", false, timeout});
      break;
    case SinkType::kFile:
      keys.push_back(
          {"path", true, [](const Json& v, SinkConfig& s) { return SetPath(v, s.path); }});
      break;
    case SinkType::kWebhook:
      keys.push_back({"url", true, SetUrl});
      keys.push_back({"secret_file", false,
                      [](const Json& v, SinkConfig& s) { return SetPath(v, s.secret_file); }});
      keys.push_back(
          {"ca_file", false, [](const Json& v, SinkConfig& s) { return SetPath(v, s.ca_file); }});
      keys.push_back({"connect_timeout", false, [](const Json& v, SinkConfig& s) {
                        return SetTimeout(v, s.connect_timeout);
                      }});
      keys.push_back({"timeout", false, timeout});
      break;
  }
  return keys;
}

absl::Status At(std::string_view key, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(fmt::format(
      ".{}: {}", key, std::string_view(status.message().data(), status.message().size())));
}

absl::StatusOr<SinkType> TypeOf(const Json& sink) {
  static const std::map<std::string, SinkType> kTypes = {
      {"stdout", SinkType::kStdout}, {"file", SinkType::kFile}, {"webhook", SinkType::kWebhook}};
  const auto type = sink.find("type");
  if (type == sink.end()) return Bad(".type: is missing: want stdout, file or webhook");
  if (type->is_string()) {
    const auto found = kTypes.find(type->get<std::string>());
    if (found != kTypes.end()) return found->second;
  }
  return Bad(".type: want stdout, file or webhook");
}

absl::Status CheckKeys(const Json& sink, const std::vector<Key>& keys, std::string_view type) {
  std::vector<std::string> known;
  for (const Key& key : keys) known.push_back(key.name);
  for (const auto& [name, value] : sink.items()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    return Bad(fmt::format(".{}: no such key of a {} sink{}", base::EscapeForTerminal(name), type,
                           config::DidYouMean(name, known)));
  }
  return absl::OkStatus();
}

absl::StatusOr<SinkConfig> ParseSink(const Json& json) {
  if (!json.is_object()) return Bad(": want a mapping");
  SinkConfig sink;
  ASSIGN_OR_RETURN(sink.type, TypeOf(json));
  std::vector<Key> keys = KeysOf(sink.type);
  keys.push_back({"name", true, SetName});
  keys.push_back({"type", true, [](const Json&, SinkConfig&) { return absl::OkStatus(); }});
  RETURN_IF_ERROR(CheckKeys(json, keys, json["type"].get<std::string>()));
  for (const Key& key : keys) {
    const auto value = json.find(key.name);
    if (value != json.end()) {
      RETURN_IF_ERROR(At(key.name, key.set(*value, sink)));
    } else if (key.is_required) {
      return Bad(fmt::format(".{}: is missing", key.name));
    }
  }
  return sink;
}

}  // namespace

absl::StatusOr<std::vector<SinkConfig>> ParseSinks(std::string_view json) {
  if (json.empty()) return std::vector<SinkConfig>{{.name = "stdout"}};
  const Json list = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return Bad("sinks: want a list");
  if (list.size() > kMaxSinks) return Bad(fmt::format("sinks: at most {} are taken", kMaxSinks));
  std::vector<SinkConfig> sinks;
  for (size_t i = 0; i < list.size(); ++i) {
    absl::StatusOr<SinkConfig> sink = ParseSink(list[i]);
    if (!sink.ok()) {
      return Bad(fmt::format("sinks[{}]{}", i, std::string(sink.status().message())));
    }
    if (std::ranges::find(sinks, sink->name, &SinkConfig::name) != sinks.end()) {
      return Bad(fmt::format("sinks[{}].name: {} is given twice", i, sink->name));
    }
    sinks.push_back(*std::move(sink));
  }
  return sinks;
}

}  // namespace daemoneye::gateway
