// HttpClient: posts a body and tells how it was answered. libcurl, behind what a webhook needs.
//
// http and https alone; certificates are verified; no redirects, no proxy of the environment, no
// credentials; of an answer's body the first bytes are kept and no more than a bound is read.
//
// Threads:    Post from one thread at a time.
// Ownership:  owns its connection, which is kept open between posts.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace daemoneye::alerting {

struct HttpOptions {
  absl::Duration connect_timeout = absl::Seconds(5);
  // From the first byte to the last, connecting included.
  absl::Duration timeout = absl::Seconds(10);
  // PEM file of the authorities to believe; empty: the system's.
  std::string ca_file;
  size_t max_answer_bytes = 64 << 10;
};

struct HttpAnswer {
  int code = 0;
  // The first 256 bytes of the body, as they came.
  std::string excerpt;
};

// 2xx is Ok. 400, 404, 405, 410, 413, 414, 415, 422 and every other 4xx are InvalidArgument: the
// same bytes will be refused again. 401, 403, 407, 408, 425 and 429 are Unavailable, for they speak
// of us or of the time, not of what was posted; so are 3xx (redirects are not followed) and 5xx.
absl::Status AnswerStatus(const HttpAnswer& answer);

class HttpClient {
 public:
  // Internal: the library is not to be had.
  static absl::StatusOr<std::unique_ptr<HttpClient>> Create(HttpOptions options);
  ~HttpClient();

  // Any answer with a status line is an answer. Unavailable: none came (refused, cut off, a
  // certificate that does not verify); DeadlineExceeded; Cancelled soon after `stop`.
  absl::StatusOr<HttpAnswer> Post(const std::string& url, const std::vector<std::string>& headers,
                                  std::string_view body, const std::stop_token& stop);

 private:
  struct Handles;
  HttpClient(HttpOptions options, std::unique_ptr<Handles> handles);

  void SetUp(const std::string& url, std::string_view body);
  // Drives the transfer to its end; its CURLcode, or a status where it did not get that far.
  absl::StatusOr<int> Perform(const std::stop_token& stop);

  const HttpOptions options_;
  const std::unique_ptr<Handles> handles_;
};

}  // namespace daemoneye::alerting
