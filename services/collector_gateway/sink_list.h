// ParseSinks: the key `sinks` of the gateway's file: where alerts go.
//
//   sinks:
//     - {name: screen, type: stdout, format: text}
//     - {name: file, type: file, path: /var/log/daemoneye/alerts.jsonl, minimum_severity: LOW}
//     - {name: pager, type: webhook, url: https://example.com/alerts, secret_file: /etc/.../key,
//        minimum_severity: HIGH, timeout: 10s, connect_timeout: 5s, ca_file: /etc/.../ca.pem}
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
