// SinkConfig: where alerts go, as the gateway's file says it; and the sink that is made of it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/types.pb.h"
#include "libs/alerting/alert_sink.h"
#include "libs/alerting/stdout_sink.h"
#include "libs/base/clock.h"

namespace daemoneye::alerting {

enum class SinkType { kStdout, kFile, kWebhook };

struct SinkConfig {
  std::string name;
  SinkType type = SinkType::kStdout;
  v1::Severity minimum_severity = v1::SEVERITY_INFO;
  // Tries what was given up again, at each start and reload.
  bool replay_dead_letters = false;
  LineFormat format = LineFormat::kText;  // stdout
  std::string path;                       // file
  // webhook
  std::string url;
  std::string secret_file;
  std::string ca_file;
  absl::Duration connect_timeout = absl::Seconds(5);

  // stdout and webhook: how long one delivery may take.
  absl::Duration timeout = absl::Seconds(10);

  bool operator==(const SinkConfig&) const = default;
};

// InvalidArgument names the key that is wrong, without the sink. Opens nothing but a secret's file.
absl::StatusOr<std::unique_ptr<AlertSink>> MakeSink(const SinkConfig& config, base::Clock& clock);

}  // namespace daemoneye::alerting
