#include "libs/alerting/webhook_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "libs/alerting/alert_text.h"
#include "libs/alerting/hmac.h"
#include "libs/base/status_macros.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::alerting {
namespace {

constexpr size_t kMaxSecretBytes = 4096;
// So that what was delivered is soon told, however many there are.
constexpr absl::Duration kMaxTurn = absl::Seconds(1);

absl::Status ToStatus(const HttpAnswer& answer) {
  if (answer.code >= 200 && answer.code < 300) return absl::OkStatus();
  const std::string text = fmt::format("HTTP {}: {}", answer.code, answer.excerpt);
  switch (answer.code) {
    case 401:
    case 403:
    case 407:
    case 408:
    case 425:
    case 429:
      return absl::UnavailableError(text);
    default:
      return answer.code >= 400 && answer.code < 500 ? absl::InvalidArgumentError(text)
                                                     : absl::UnavailableError(text);
  }
}

}  // namespace

absl::StatusOr<std::string> ReadSecret(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found;
  if (!fd.valid() || ::fstat(fd.get(), &found) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("cannot read {}: {}", path, std::generic_category().message(errno)));
  }
  if ((found.st_mode & S_IRWXO) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} is open to every user: want mode 0600 or 0640", path));
  }
  std::string text(kMaxSecretBytes + 1, '\0');
  const ssize_t n = ::read(fd.get(), text.data(), text.size());
  if (n < 0) {
    return absl::InvalidArgumentError(
        fmt::format("cannot read {}: {}", path, std::generic_category().message(errno)));
  }
  text.resize(static_cast<size_t>(n));
  if (text.size() > kMaxSecretBytes) {
    return absl::InvalidArgumentError(
        fmt::format("{} holds more than {} bytes", path, kMaxSecretBytes));
  }
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string::npos) return absl::InvalidArgumentError(path + " is empty");
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

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
  return ToStatus(answer);
}

}  // namespace daemoneye::alerting
