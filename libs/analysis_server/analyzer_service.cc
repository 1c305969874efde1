#include "libs/analysis_server/analyzer_service.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "libs/analysis/result_check.h"
#include "libs/analysis_server/request_check.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/raw_unary.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::analysis_server {
namespace {

using base::operator+;

constexpr size_t kMaxClientIdBytes = 256;
constexpr size_t kMaxVersionBytes = 64;

// "field: description" as what a client can take apart.
absl::Status WithField(const absl::Status& status) {
  if (!absl::IsInvalidArgument(status)) return status;
  const std::string_view message(status.message().data(), status.message().size());
  const size_t colon = message.find(": ");
  if (colon == std::string_view::npos) return status;
  return rpc::InvalidField(message.substr(0, colon), message.substr(colon + 2));
}

base::Monotonic DeadlineOf(const grpc::CallbackServerContext& context, const base::Clock& clock) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return base::Monotonic::max();
  const absl::Duration left = absl::FromChrono(deadline - std::chrono::system_clock::now());
  return clock.MonotonicNow() + std::min(left, absl::Hours(24));
}

}  // namespace

// One Analyze. Finishes once, from done; freed in OnDone.
class AnalyzerService::AnalyzeReactor final : public grpc::ServerUnaryReactor {
 public:
  AnalyzeReactor(AnalyzerService& service, const grpc::CallbackServerContext& context,
                 const grpc::ByteBuffer& request_bytes, grpc::ByteBuffer& response_bytes)
      : service_(service), response_bytes_(response_bytes), begun_(service.clock_.MonotonicNow()) {
    v1::AnalyzeRequest request;
    absl::Status status = rpc::ParseRequest(request_bytes, request);
    type_ = request.analysis_type();
    if (status.ok()) status = service_.Check(request);
    if (!status.ok()) {
      End({.result = status});
      return;
    }
    job_ = service_.queue_.Submit(std::move(request), DeadlineOf(context, service_.clock_),
                                  [this](AnalysisAnswer answer) { End(std::move(answer)); });
  }

  void OnCancel() override {
    if (job_ != nullptr) service_.queue_.Cancel(job_);
  }
  void OnDone() override { delete this; }

 private:
  // The last thing that is done here: afterwards this may be gone.
  void End(AnalysisAnswer answer) {
    absl::Status status = answer.result.status();
    if (status.ok()) status = analysis::CheckResult(*answer.result);
    if (status.ok()) {
      v1::AnalyzeResponse response;
      *response.mutable_result() = *std::move(answer.result);
      response_bytes_ = rpc::SerialiseResponse(response);
    } else if (answer.retry_after.has_value()) {
      status = rpc::WithRetryInfo(status, *answer.retry_after);
    }
    service_.on_answer_(type_, status.code(),
                        base::Elapsed(begun_, service_.clock_.MonotonicNow()));
    Finish(rpc::ToGrpc(status));
  }

  AnalyzerService& service_;
  grpc::ByteBuffer& response_bytes_;
  const base::Monotonic begun_;
  v1::AnalysisType type_ = v1::ANALYSIS_TYPE_UNSPECIFIED;
  // Set before gRPC knows of this, so before OnCancel and OnDone.
  std::shared_ptr<AnalysisQueue::Job> job_;
};

AnalyzerService::AnalyzerService(v1::NegotiateAnalysisResponse can, const Analysis& analysis,
                                 AnalysisQueue& queue, base::Clock& clock, OnAnswer on_answer)
    : can_(std::move(can)),
      analysis_(analysis),
      queue_(queue),
      clock_(clock),
      on_answer_(std::move(on_answer)) {}

absl::Status AnalyzerService::Check(const v1::AnalyzeRequest& request) const {
  absl::Status status = CheckRequest(request, can_);
  if (status.ok()) status = analysis_.Check(request);
  return WithField(status);
}

grpc::ServerUnaryReactor* AnalyzerService::NegotiateAnalysis(grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request,
                                                             grpc::ByteBuffer* response) {
  const auto answer = [this](const v1::NegotiateAnalysisRequest& asked,
                             v1::NegotiateAnalysisResponse& told) {
    if (asked.client_id().size() > kMaxClientIdBytes) {
      return rpc::InvalidField("client_id", fmt::format("longer than {} bytes", kMaxClientIdBytes));
    }
    if (asked.version().size() > kMaxVersionBytes) {
      return rpc::InvalidField("version", fmt::format("longer than {} bytes", kMaxVersionBytes));
    }
    told = can_;
    return absl::OkStatus();
  };
  return rpc::RawUnary<v1::NegotiateAnalysisRequest, v1::NegotiateAnalysisResponse>(
      *context, *request, *response, answer);
}

grpc::ServerUnaryReactor* AnalyzerService::Analyze(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return new AnalyzeReactor(*this, *context, *request, *response);
}

}  // namespace daemoneye::analysis_server
