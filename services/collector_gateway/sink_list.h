// ParseSinks: the key `sinks` of the gateway's file: where alerts go.
//
//   sinks:
//     - {name: screen, type: stdout, format: text}
//     - {name: file, type: file, path: /var/log/daemoneye/alerts.jsonl, minimum_severity: LOW}
//     - {name: pager, type: webhook, url: https://example.com/alerts, secret_file: /etc/.../key,
//        minimum_severity: HIGH, timeout: 10s, connect_timeout: 5s, ca_file: /etc/.../ca.pem}
//     - {name: alertmanager, type: alertmanager, url: https://alerts.example.com:9093,
//        bearer_token_file: /etc/.../token, resolve_after: 1h,
//        generator_url: 'https://wiki.example.com/daemoneye?alert={alert_id}'}
//
// An Alertmanager also takes ca_file, timeout and connect_timeout; `urls` in place of `url` for the
// members of a cluster; username and password_file in place of a token.
//
// Every sink may have minimum_severity (INFO) and replay_dead_letters (false).
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/alerting/sink_config.h"

namespace daemoneye::gateway {

inline constexpr size_t kMaxSinks = 64;

// `json`: the document; empty where the key is not given, which is one stdout sink for people. An
// empty list is no sink. InvalidArgument names what is wrong: "sinks[1].url: ...".
absl::StatusOr<std::vector<alerting::SinkConfig>> ParseSinks(std::string_view json);

}  // namespace daemoneye::gateway
