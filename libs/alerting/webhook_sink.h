// WebhookSink: each alert as an HTTP POST of its JSON.
//
// Headers, beside Content-Type: application/json:
//   X-DaemonEye-Alert-Id   the alert's id: the same at each attempt, so that a receiver can tell a
//                          repetition
//   X-DaemonEye-Timestamp  seconds since 1970 of this attempt
//   X-DaemonEye-Signature  with a secret: "v1=" and the hexadecimal HMAC-SHA256 of the timestamp, a
//                          "." and the body
//
// AnswerStatus says which answers are delivered, dead letters at once, or tried again.
//
// Threads:    as AlertSink.
// Ownership:  owns its client; borrows the clock.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "libs/alerting/alert_sink.h"
#include "libs/alerting/http_client.h"
#include "libs/base/clock.h"

namespace daemoneye::alerting {

struct WebhookOptions {
  std::string url;
  // Empty: requests are not signed.
  std::string secret_file;
  HttpOptions http;
};

class WebhookSink final : public AlertSink {
 public:
  // InvalidArgument: the secret cannot be read, or is open to everybody.
  static absl::StatusOr<std::unique_ptr<WebhookSink>> Create(WebhookOptions options,
                                                             base::Clock& clock);

  DeliveryResult Deliver(std::span<const v1::Alert> alerts, std::stop_token stop) override;
  void Reopen() override { must_read_secret_ = true; }

 private:
  WebhookSink(WebhookOptions options, std::string secret, std::unique_ptr<HttpClient> client,
              base::Clock& clock)
      : options_(std::move(options)),
        secret_(std::move(secret)),
        client_(std::move(client)),
        clock_(clock) {}

  absl::Status Post(const v1::Alert& alert, const std::stop_token& stop);

  const WebhookOptions options_;
  std::string secret_;
  std::atomic<bool> must_read_secret_ = false;
  const std::unique_ptr<HttpClient> client_;
  base::Clock& clock_;
};

}  // namespace daemoneye::alerting
