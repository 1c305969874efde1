#include "libs/alerting/webhook_sink.h"

#include <utility>
#include <vector>

#include "libs/alerting/alert_text.h"
#include "libs/alerting/hmac.h"
#include "libs/alerting/secret_file.h"
#include "libs/base/status_macros.h"

namespace daemoneye::alerting {
namespace {

// So that what was delivered is soon told, however many there are.
constexpr absl::Duration kMaxTurn = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<WebhookSink>> WebhookSink::Create(WebhookOptions options,
                                                                 base::Clock& clock) {
  std::string secret;
  if (!options.secret_file.empty()) {
    ASSIGN_OR_RETURN(secret, ReadSecret(options.secret_file));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> client, HttpClient::Create(options.http));
  return std::unique_ptr<WebhookSink>(
      new WebhookSink(std::move(options), std::move(secret), std::move(client), clock));
}

DeliveryResult WebhookSink::Deliver(std::span<const v1::Alert> alerts, std::stop_token stop) {
  using base::operator+;
  DeliveryResult result;
  if (!options_.secret_file.empty() && must_read_secret_.exchange(false)) {
    absl::StatusOr<std::string> secret = ReadSecret(options_.secret_file);
    if (!secret.ok()) {
      must_read_secret_ = true;
      // Not the alert's fault: tried again.
      return {.status = absl::UnavailableError(std::string(secret.status().message()))};
    }
    secret_ = *std::move(secret);
  }
  const base::Monotonic until = clock_.MonotonicNow() + kMaxTurn;
  for (const v1::Alert& alert : alerts) {
    result.status = Post(alert, stop);
    if (!result.status.ok()) return result;
    ++result.delivered;
    if (clock_.MonotonicNow() >= until) return result;
  }
  return result;
}

absl::Status WebhookSink::Post(const v1::Alert& alert, const std::stop_token& stop) {
  const std::string body = AlertJson(alert);
  const std::string timestamp = std::to_string(absl::ToUnixSeconds(clock_.Now()));
  std::vector<std::string> headers = {"Content-Type: application/json",
                                      "X-DaemonEye-Alert-Id: " + alert.id(),
                                      "X-DaemonEye-Timestamp: " + timestamp};
  if (!secret_.empty()) {
    ASSIGN_OR_RETURN(const std::string digest, HmacSha256Hex(secret_, timestamp + "." + body));
    headers.push_back("X-DaemonEye-Signature: v1=" + digest);
  }
  ASSIGN_OR_RETURN(const HttpAnswer answer, client_->Post(options_.url, headers, body, stop));
  return AnswerStatus(answer);
}

}  // namespace daemoneye::alerting
