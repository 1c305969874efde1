#include "libs/alerting/alertmanager_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "libs/alerting/secret_file.h"
#include "libs/base/status_macros.h"

namespace daemoneye::alerting {
namespace {

constexpr size_t kMaxRequestBytes = 256 << 10;

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

absl::StatusOr<std::string> ReadHeaderSecret(std::string_view key, const std::string& path) {
  absl::StatusOr<std::string> secret = ReadSecret(path);
  if (!secret.ok()) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", key, MessageOf(secret.status())));
  }
  if (!std::ranges::all_of(*secret, [](char c) { return c >= ' ' && c != '\x7f'; })) {
    return absl::InvalidArgumentError(fmt::format("{}: {} holds control characters", key, path));
  }
  return secret;
}

// "Authorization: ..."; empty where none is wanted.
absl::StatusOr<std::string> ReadAuthorization(const AlertmanagerOptions& options) {
  if (!options.bearer_token_file.empty()) {
    ASSIGN_OR_RETURN(const std::string token,
                     ReadHeaderSecret("bearer_token_file", options.bearer_token_file));
    return "Authorization: Bearer " + token;
  }
  if (options.password_file.empty()) return std::string();
  ASSIGN_OR_RETURN(const std::string password,
                   ReadHeaderSecret("password_file", options.password_file));
  return "Authorization: Basic " + absl::Base64Escape(options.username + ":" + password);
}

std::string EndpointOf(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return std::string(url) + "/api/v2/alerts";
}

}  // namespace

absl::StatusOr<std::unique_ptr<AlertmanagerSink>> AlertmanagerSink::Create(
    AlertmanagerOptions options, base::Clock& clock) {
  ASSIGN_OR_RETURN(std::string authorization, ReadAuthorization(options));
  for (std::string& url : options.urls) url = EndpointOf(url);
  ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> client, HttpClient::Create(options.http));
  return std::unique_ptr<AlertmanagerSink>(
      new AlertmanagerSink(std::move(options), std::move(authorization), std::move(client), clock));
}

DeliveryResult AlertmanagerSink::Deliver(std::span<const v1::Alert> alerts, std::stop_token stop) {
  if (must_read_secret_.exchange(false)) {
    absl::StatusOr<std::string> authorization = ReadAuthorization(options_);
    if (!authorization.ok()) {
      must_read_secret_ = true;
      // Not the alert's fault: tried again.
      return {.status = absl::UnavailableError(authorization.status().message())};
    }
    authorization_ = *std::move(authorization);
  }
  size_t bytes = 0;
  size_t count = 0;
  // What a request holds is little more than the alert itself; one is sent however large it is.
  while (count < alerts.size() && (count == 0 || bytes < kMaxRequestBytes)) {
    bytes += alerts[count++].ByteSizeLong();
  }
  absl::Status status = Post(alerts.first(count), stop);
  if (absl::IsInvalidArgument(status) && count > 1) {
    // Which one it is shows when they come alone. A worker calls again for those behind it.
    count = 1;
    status = Post(alerts.first(1), stop);
  }
  return {.delivered = status.ok() ? count : 0, .status = status};
}

absl::Status AlertmanagerSink::Post(std::span<const v1::Alert> alerts,
                                    const std::stop_token& stop) {
  const absl::Time now = clock_.Now();
  std::string body = "[";
  for (const v1::Alert& alert : alerts) {
    if (body.size() > 1) body += ',';
    body += AlertmanagerAlert(alert, options_.format, now);
  }
  body += ']';
  std::vector<std::string> headers = {"Content-Type: application/json"};
  if (!authorization_.empty()) headers.push_back(authorization_);
  bool is_taken = false;
  absl::Status failed;
  for (const std::string& url : options_.urls) {
    const absl::StatusOr<HttpAnswer> answer = client_->Post(url, headers, body, stop);
    const absl::Status status = answer.ok() ? AnswerStatus(*answer) : answer.status();
    if (absl::IsCancelled(status)) return status;
    if (status.ok()) {
      is_taken = true;
    } else if (failed.ok() || absl::IsInvalidArgument(failed)) {
      failed = status;  // refused for good only where every member does
    }
  }
  return is_taken ? absl::OkStatus() : failed;
}

}  // namespace daemoneye::alerting
