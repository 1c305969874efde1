#include "libs/alerting/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::alerting {
namespace {

constexpr size_t kExcerptBytes = 256;
constexpr int kPollMs = 1000;  // libcurl's own timers are shorter where they matter

struct Received {
  size_t max_bytes = 0;
  size_t bytes = 0;
  std::string excerpt;
};

// CURLOPT_WRITEFUNCTION: another number than it was given ends the transfer.
size_t Receive(char* data, size_t size, size_t count, void* to) {
  auto& received = *static_cast<Received*>(to);
  const size_t bytes = size * count;
  received.bytes += bytes;
  received.excerpt.append(data, std::min(bytes, kExcerptBytes - received.excerpt.size()));
  return received.bytes > received.max_bytes ? 0 : bytes;
}

}  // namespace

absl::Status AnswerStatus(const HttpAnswer& answer) {
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

struct HttpClient::Handles {
  CURL* easy = nullptr;
  CURLM* multi = nullptr;
  Received received;
  char error[CURL_ERROR_SIZE] = "";

  ~Handles() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
};

absl::StatusOr<std::unique_ptr<HttpClient>> HttpClient::Create(HttpOptions options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  auto handles = std::make_unique<Handles>();
  handles->easy = curl_easy_init();
  handles->multi = curl_multi_init();
  if (handles->easy == nullptr || handles->multi == nullptr) {
    return absl::InternalError("libcurl cannot be used");
  }
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(options), std::move(handles)));
}

HttpClient::HttpClient(HttpOptions options, std::unique_ptr<Handles> handles)
    : options_(std::move(options)), handles_(std::move(handles)) {}

HttpClient::~HttpClient() = default;

void HttpClient::SetUp(const std::string& url, std::string_view body) {
  CURL* const easy = handles_->easy;
  curl_easy_reset(easy);  // keeps the connection
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(options_.connect_timeout)));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(options_.timeout)));
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  handles_->received = {.max_bytes = options_.max_answer_bytes};
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Receive);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &handles_->received);
  handles_->error[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handles_->error);
}

absl::StatusOr<int> HttpClient::Perform(const std::stop_token& stop) {
  CURLM* const multi = handles_->multi;
  const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
  int running = 1;
  while (running > 0) {
    if (stop.stop_requested()) return absl::CancelledError("told to stop");
    if (curl_multi_perform(multi, &running) != CURLM_OK ||
        (running > 0 && curl_multi_poll(multi, nullptr, 0, kPollMs, nullptr) != CURLM_OK)) {
      return absl::InternalError("libcurl failed");
    }
  }
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(multi, &left);
  if (message == nullptr || message->msg != CURLMSG_DONE) {
    return absl::InternalError("libcurl lost its transfer");
  }
  return static_cast<int>(message->data.result);
}

absl::StatusOr<HttpAnswer> HttpClient::Post(const std::string& url,
                                            const std::vector<std::string>& headers,
                                            std::string_view body, const std::stop_token& stop) {
  SetUp(url, body);
  curl_slist* list = curl_slist_append(nullptr, "Expect:");  // no round trip before the body
  for (const std::string& header : headers) list = curl_slist_append(list, header.c_str());
  curl_easy_setopt(handles_->easy, CURLOPT_HTTPHEADER, list);
  curl_multi_add_handle(handles_->multi, handles_->easy);
  const absl::StatusOr<int> ended = Perform(stop);
  long code = 0;
  curl_easy_getinfo(handles_->easy, CURLINFO_RESPONSE_CODE, &code);
  curl_multi_remove_handle(handles_->multi, handles_->easy);
  curl_slist_free_all(list);
  RETURN_IF_ERROR(ended.status());
  const auto result = static_cast<CURLcode>(*ended);
  const bool is_too_long = result == CURLE_WRITE_ERROR && code != 0;  // what counts is known
  if (result == CURLE_OK || is_too_long) {
    return HttpAnswer{.code = static_cast<int>(code),
                      .excerpt = std::move(handles_->received.excerpt)};
  }
  const char* const why = handles_->error[0] != '\0' ? handles_->error : curl_easy_strerror(result);
  if (result == CURLE_OPERATION_TIMEDOUT) return absl::DeadlineExceededError(why);
  return absl::UnavailableError(why);
}

}  // namespace daemoneye::alerting
