#include "libs/alerting/sink_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "libs/alerting/file_sink.h"
#include "libs/alerting/webhook_sink.h"

namespace daemoneye::alerting {

absl::StatusOr<std::unique_ptr<AlertSink>> MakeSink(const SinkConfig& config, base::Clock& clock) {
  switch (config.type) {
    case SinkType::kStdout:
      return std::make_unique<StdoutSink>(STDOUT_FILENO, config.format, config.timeout);
    case SinkType::kFile:
      return std::make_unique<FileSink>(config.path);
    case SinkType::kWebhook:
      break;
  }
  absl::StatusOr<std::unique_ptr<WebhookSink>> sink =
      WebhookSink::Create({.url = config.url,
                           .secret_file = config.secret_file,
                           .http = {.connect_timeout = config.connect_timeout,
                                    .timeout = config.timeout,
                                    .ca_file = config.ca_file}},
                          clock);
  if (!sink.ok()) {
    return absl::Status(sink.status().code(),
                        fmt::format("secret_file: {}", std::string(sink.status().message())));
  }
  return *std::move(sink);
}

}  // namespace daemoneye::alerting
