#include "libs/alerting/sink_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "libs/alerting/alertmanager_sink.h"
#include "libs/alerting/file_sink.h"
#include "libs/alerting/webhook_sink.h"

namespace daemoneye::alerting {

namespace {

HttpOptions HttpOf(const SinkConfig& config) {
  return {.connect_timeout = config.connect_timeout,
          .timeout = config.timeout,
          .ca_file = config.ca_file};
}

absl::StatusOr<std::unique_ptr<AlertSink>> MakeWebhook(const SinkConfig& config,
                                                       base::Clock& clock) {
  absl::StatusOr<std::unique_ptr<WebhookSink>> sink = WebhookSink::Create(
      {.url = config.urls.at(0), .secret_file = config.secret_file, .http = HttpOf(config)}, clock);
  if (!sink.ok()) {
    return absl::Status(sink.status().code(),
                        fmt::format("secret_file: {}", std::string(sink.status().message())));
  }
  return *std::move(sink);
}

absl::StatusOr<std::unique_ptr<AlertSink>> MakeAlertmanager(const SinkConfig& config,
                                                            base::Clock& clock) {
  return AlertmanagerSink::Create(
      {.urls = config.urls,
       .username = config.username,
       .password_file = config.password_file,
       .bearer_token_file = config.bearer_token_file,
       .http = HttpOf(config),
       .format = {.resolve_after = config.resolve_after, .generator_url = config.generator_url}},
      clock);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AlertSink>> MakeSink(const SinkConfig& config, base::Clock& clock) {
  switch (config.type) {
    case SinkType::kStdout:
      return std::make_unique<StdoutSink>(STDOUT_FILENO, config.format, config.timeout);
    case SinkType::kFile:
      return std::make_unique<FileSink>(config.path);
    case SinkType::kWebhook:
      return MakeWebhook(config, clock);
    case SinkType::kAlertmanager:
      break;
  }
  return MakeAlertmanager(config, clock);
}

}  // namespace daemoneye::alerting
