// SinkConfig: where alerts go, as the gateway's file says it; and the sink that is made of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/types.pb.h"
#include "libs/alerting/alert_sink.h"
#include "libs/alerting/stdout_sink.h"
#include "libs/base/clock.h"

namespace daemoneye::alerting {

enum class SinkType { kStdout, kFile, kWebhook, kAlertmanager };

struct SinkConfig {
  std::string name;
  SinkType type = SinkType::kStdout;
  v1::Severity minimum_severity = v1::SEVERITY_INFO;
  // Tries what was given up again, at each start and reload.
  bool replay_dead_letters = false;
  LineFormat format = LineFormat::kText;  // stdout
  std::string path;                       // file
  // webhook: one; alertmanager: one for each member of its cluster
  std::vector<std::string> urls;
  std::string secret_file;  // webhook
  // webhook and alertmanager
  std::string ca_file;
  absl::Duration connect_timeout = absl::Seconds(5);
  // alertmanager
  std::string username, password_file, bearer_token_file, generator_url;
  absl::Duration resolve_after = absl::Hours(1);

  // All but file: how long one delivery may take, to one URL.
  absl::Duration timeout = absl::Seconds(10);

  bool operator==(const SinkConfig&) const = default;
};

// InvalidArgument names the key that is wrong, without the sink. Opens nothing but files of
// secrets.
absl::StatusOr<std::unique_ptr<AlertSink>> MakeSink(const SinkConfig& config, base::Clock& clock);

}  // namespace daemoneye::alerting
