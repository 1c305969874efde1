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
constexpr size_t kMaxUserBytes = 256;
constexpr size_t kMaxUrls = 8;
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

absl::Status SetResolveAfter(const Json& value, SinkConfig& sink) {
  if (value.is_string() && absl::ParseDuration(value.get<std::string>(), &sink.resolve_after) &&
      sink.resolve_after >= absl::Minutes(1) && sink.resolve_after <= absl::Hours(168)) {
    return absl::OkStatus();
  }
  return Bad("want a duration from 1m to 168h");
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
  ASSIGN_OR_RETURN(const std::string url, Text(value));
  sink.urls.push_back(url);
  return CheckWebhookUrl(url);
}

// Of an Alertmanager: a path is put behind it.
absl::Status SetBaseUrl(const Json& value, SinkConfig& sink) {
  RETURN_IF_ERROR(SetUrl(value, sink));
  return sink.urls.back().find('?') == std::string::npos ? absl::OkStatus() : Bad("holds a query");
}

absl::Status SetBaseUrls(const Json& value, SinkConfig& sink) {
  if (!value.is_array() || value.empty() || value.size() > kMaxUrls) {
    return Bad(fmt::format("want a list of 1..{} URLs", kMaxUrls));
  }
  for (const Json& url : value) RETURN_IF_ERROR(SetBaseUrl(url, sink));
  return absl::OkStatus();
}

absl::Status SetGeneratorUrl(const Json& value, SinkConfig& sink) {
  ASSIGN_OR_RETURN(sink.generator_url, Text(value));
  return CheckWebhookUrl(sink.generator_url);
}

// RFC 7617: a user is text without a colon.
absl::Status SetUsername(const Json& value, SinkConfig& sink) {
  ASSIGN_OR_RETURN(sink.username, Text(value));
  const bool is_good =
      sink.username.size() <= kMaxUserBytes &&
      std::ranges::all_of(sink.username, [](char c) { return c >= ' ' && c < '\x7f' && c != ':'; });
  return is_good ? absl::OkStatus()
                 : Bad(fmt::format("want 1..{} ASCII characters without ':'", kMaxUserBytes));
}

// What keys of an Alertmanager mean together.
absl::Status CheckAlertmanager(const Json& json, const SinkConfig& sink) {
  if (json.contains("url") == json.contains("urls")) return Bad(".url: want it, or urls");
  if (sink.username.empty() != sink.password_file.empty()) {
    return Bad(".username: goes with password_file, and password_file with it");
  }
  if (!sink.username.empty() && !sink.bearer_token_file.empty()) {
    return Bad(".bearer_token_file: does not go with username");
  }
  return absl::OkStatus();
}

using Setter = std::function<absl::Status(const Json&, SinkConfig&)>;

struct Key {
  std::string name;
  bool is_required;
  Setter set;
};

Setter PathSetter(std::string SinkConfig::* path) {
  return [path](const Json& v, SinkConfig& s) { return SetPath(v, s.*path); };
}

Setter TimeoutSetter(absl::Duration SinkConfig::* timeout) {
  return [timeout](const Json& v, SinkConfig& s) { return SetTimeout(v, s.*timeout); };
}

// The keys of a type beside name and type.
std::vector<Key> KeysOf(SinkType type) {
  std::vector<Key> keys = {{"minimum_severity", false, SetSeverity},
                           {"replay_dead_letters", false, SetReplay}};
  const auto add = [&keys](std::vector<Key> more) {
    keys.insert(keys.end(), more.begin(), more.end());
  };
  const Key timeout = {"timeout", false, TimeoutSetter(&SinkConfig::timeout)};
  const Key connect_timeout = {"connect_timeout", false,
                               TimeoutSetter(&SinkConfig::connect_timeout)};
  const Key ca_file = {"ca_file", false, PathSetter(&SinkConfig::ca_file)};
  switch (type) {
    case SinkType::kStdout:
      add({{"format", false, SetFormat}, timeout});
      break;
    case SinkType::kFile:
      add({{"path", true, PathSetter(&SinkConfig::path)}});
      break;
    case SinkType::kWebhook:
      add({{"url", true, SetUrl},
           {"secret_file", false, PathSetter(&SinkConfig::secret_file)},
           ca_file,
           connect_timeout,
           timeout});
      break;
    case SinkType::kAlertmanager:
      add({{"url", false, SetBaseUrl},
           {"urls", false, SetBaseUrls},
           {"username", false, SetUsername},
           {"password_file", false, PathSetter(&SinkConfig::password_file)},
           {"bearer_token_file", false, PathSetter(&SinkConfig::bearer_token_file)},
           {"generator_url", false, SetGeneratorUrl},
           {"resolve_after", false, SetResolveAfter},
           ca_file,
           connect_timeout,
           timeout});
      break;
  }
  return keys;
}

absl::Status At(std::string_view key, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(fmt::format(
      ".{}: {}", key, std::string_view(status.message().data(), status.message().size())));
}

constexpr std::string_view kWantType = "want stdout, file, webhook or alertmanager";

absl::StatusOr<SinkType> TypeOf(const Json& sink) {
  static const std::map<std::string, SinkType> kTypes = {{"stdout", SinkType::kStdout},
                                                         {"file", SinkType::kFile},
                                                         {"webhook", SinkType::kWebhook},
                                                         {"alertmanager", SinkType::kAlertmanager}};
  const auto type = sink.find("type");
  if (type == sink.end()) return Bad(fmt::format(".type: is missing: {}", kWantType));
  if (type->is_string()) {
    const auto found = kTypes.find(type->get<std::string>());
    if (found != kTypes.end()) return found->second;
  }
  return Bad(fmt::format(".type: {}", kWantType));
}

absl::Status CheckKeys(const Json& sink, const std::vector<Key>& keys, std::string_view type) {
  std::vector<std::string> known;
  for (const Key& key : keys) known.push_back(key.name);
  for (const auto& [name, value] : sink.items()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    return Bad(fmt::format(".{}: no such key of {} {} sink{}", base::EscapeForTerminal(name),
                           type == "alertmanager" ? "an" : "a", type,
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
  if (sink.type == SinkType::kAlertmanager) RETURN_IF_ERROR(CheckAlertmanager(json, sink));
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
