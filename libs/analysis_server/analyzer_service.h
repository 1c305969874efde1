// AnalyzerService: daemoneye.v1.AnalyzerService over an AnalysisQueue. Checks, hands over, answers.
//
// Threads:    gRPC's; nothing blocks them.
// Ownership:  borrows the queue and the analysis, which outlive it; `on_answer` is called for each
//             Analyze.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemoneye/v1/analyzer_service.grpc.pb.h"
#include "libs/analysis_server/analysis.h"
#include "libs/analysis_server/analysis_queue.h"
#include "libs/base/clock.h"

namespace daemoneye::analysis_server {

// Largest request: the event that matched and the results of earlier stages travel in it.
inline constexpr int kMaxRequestBytes = 4 << 20;

class AnalyzerService final
    : public v1::AnalyzerService::WithRawCallbackMethod_NegotiateAnalysis<
          v1::AnalyzerService::WithRawCallbackMethod_Analyze<v1::AnalyzerService::Service>> {
 public:
  // How a request ended, and how long that took.
  using OnAnswer = std::function<void(v1::AnalysisType, absl::StatusCode, absl::Duration)>;

  AnalyzerService(v1::NegotiateAnalysisResponse can, const Analysis& analysis, AnalysisQueue& queue,
                  base::Clock& clock, OnAnswer on_answer);

  grpc::ServerUnaryReactor* NegotiateAnalysis(grpc::CallbackServerContext* context,
                                              const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Analyze(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;

 private:
  class AnalyzeReactor;

  // What is wrong with the request, as the caller is told.
  absl::Status Check(const v1::AnalyzeRequest& request) const;

  const v1::NegotiateAnalysisResponse can_;
  const Analysis& analysis_;
  AnalysisQueue& queue_;
  base::Clock& clock_;
  const OnAnswer on_answer_;
};

}  // namespace daemoneye::analysis_server
