// AnalyzerCaller: calls of an analyzer that is not trusted; each has a deadline.
//
// Threads:    one; Burst has many calls under way, and returns when all have ended.
// Ownership:  borrows the clock, which outlives it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/analyzer_service.grpc.pb.h"
#include "libs/base/clock.h"

namespace daemoneye::conformance {

struct Answer {
  // Ok, or what it was refused with; its RetryInfo is kept.
  absl::Status status;
  v1::AnalysisResult result;
  absl::Duration took;
};

class AnalyzerCaller {
 public:
  // What an answer may take that has no bound of its own.
  static constexpr absl::Duration kTimeout = absl::Seconds(30);

  AnalyzerCaller(const std::string& address, absl::Duration patience, base::Clock& clock);

  // Unavailable: nobody answers within `timeout`.
  absl::Status Connect(absl::Duration timeout);

  absl::StatusOr<v1::NegotiateAnalysisResponse> Negotiate();
  Answer Analyze(const v1::AnalyzeRequest& request, absl::Duration timeout = kTimeout);
  // Where it answers RESOURCE_EXHAUSTED with RetryInfo it is asked again after that delay, as long
  // as the patience for all such waits together lasts.
  Answer AnalyzePatiently(const v1::AnalyzeRequest& request);
  // All at once; those that have not ended by then are cancelled after `cancel_after`.
  std::vector<Answer> Burst(std::span<const v1::AnalyzeRequest> requests, absl::Duration timeout,
                            absl::Duration cancel_after = absl::InfiniteDuration());

  // A call of any method with any bytes.
  absl::Status CallRaw(const std::string& method, const std::string& bytes);
  // "SERVING", or another state's name, or the code of the error.
  std::string Health(const std::string& service);
  // Names of services, as reflection lists them.
  absl::StatusOr<std::vector<std::string>> ReflectServices();
  // Whether reflection has the file that `symbol` stands in.
  absl::Status ReflectSymbol(const std::string& symbol);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::AnalyzerService::Stub> stub_;
  base::Clock& clock_;
  absl::Duration patience_;  // that is left
};

}  // namespace daemoneye::conformance
