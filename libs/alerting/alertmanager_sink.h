// AlertmanagerSink: alerts to Prometheus Alertmanager, by its v2 API.
//
// Many alerts go in one request; where it is refused for good they go one by one, so that one that
// is refused is no other one's end. With several URLs (the members of a cluster, which do not tell
// each other of alerts) each is sent to every member, and is delivered once one has taken it.
// AnswerStatus says which answers are refused for good and which are tried again.
//
// What comes twice is one alert there: see alertmanager_alert.h.
//
// Threads:    as AlertSink.
// Ownership:  owns its client; borrows the clock.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "libs/alerting/alert_sink.h"
#include "libs/alerting/alertmanager_alert.h"
#include "libs/alerting/http_client.h"
#include "libs/base/clock.h"

namespace daemoneye::alerting {

struct AlertmanagerOptions {
  // Where Alertmanager's own page is, path prefix included; at least one.
  std::vector<std::string> urls;
  // Basic authentication, both or neither; or a bearer token.
  std::string username;
  std::string password_file;
  std::string bearer_token_file;
  HttpOptions http;
  AlertmanagerFormat format;
};

class AlertmanagerSink final : public AlertSink {
 public:
  // InvalidArgument: a secret cannot be read, is open to everybody, or cannot stand in a header.
  static absl::StatusOr<std::unique_ptr<AlertmanagerSink>> Create(AlertmanagerOptions options,
                                                                  base::Clock& clock);

  DeliveryResult Deliver(std::span<const v1::Alert> alerts, std::stop_token stop) override;
  void Reopen() override { must_read_secret_ = true; }

 private:
  AlertmanagerSink(AlertmanagerOptions options, std::string authorization,
                   std::unique_ptr<HttpClient> client, base::Clock& clock)
      : options_(std::move(options)),
        authorization_(std::move(authorization)),
        client_(std::move(client)),
        clock_(clock) {}

  absl::Status Post(std::span<const v1::Alert> alerts, const std::stop_token& stop);

  const AlertmanagerOptions options_;
  std::string authorization_;  // a header; empty: none
  std::atomic<bool> must_read_secret_ = false;
  const std::unique_ptr<HttpClient> client_;
  base::Clock& clock_;
};

}  // namespace daemoneye::alerting
