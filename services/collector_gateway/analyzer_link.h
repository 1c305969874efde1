// AnalyzerLink: one analyzer that is a server of its own (AnalyzerService), asked over a channel.
//
// It is asked what it can do when it is first reached, and every few seconds from then on: that
// also tells whether it lives. gRPC connects anew with backoff. What an analyzer says of itself is
// believed only within bounds; what it answers is checked by who asked.
//
// Threads:    owns one, "analyzer-N"; everything public from any.
// Ownership:  borrows the clock, which outlives it. Calls under way hold what they need.
// Bounds:     a message of 1 MiB; of a negotiation 64 KiB.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "libs/analysis/analyzer.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"

namespace daemoneye::gateway {

struct AnalyzerLinkOptions {
  // What ListAnalyzers tells, and what gRPC dials.
  std::string address;
  std::string target;
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  // Told in the negotiation.
  std::string client_id;
  std::string version;
  // Called after a change of what it can do or of whether it can be asked, on the link's thread.
  std::function<void()> on_change = [] {};
  absl::Duration negotiate_timeout = absl::Seconds(5);
  // Between two negotiations that went well.
  absl::Duration interval = absl::Seconds(5);
  absl::Duration min_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(5);
};

// What of a negotiation is wrong: "name: ...". Ok: it can be used.
absl::Status CheckNegotiation(const v1::NegotiateAnalysisResponse& response);

class AnalyzerLink final : public analysis::Analyzer {
 public:
  AnalyzerLink(int id, AnalyzerLinkOptions options, base::Clock& clock);
  ~AnalyzerLink() override { Stop(); }

  void Start();
  // Idempotent. Calls under way go on until their own end.
  void Stop();
  // Asks to stop without waiting, so that many links end at once.
  void RequestStop();

  std::string address() const override { return options_.address; }
  v1::NegotiateAnalysisResponse capabilities() const override;
  std::string problem() const override;
  std::unique_ptr<analysis::StageCall> Begin(const v1::AnalyzeRequest& request,
                                             absl::Duration timeout, Done done) override;

 private:
  // What calls under way share with the link, and may outlive it with.
  struct Shared {
    base::Mutex mu;
    base::CondVar changed;
    std::shared_ptr<grpc::Channel> channel GUARDED_BY(mu);
    v1::NegotiateAnalysisResponse capabilities GUARDED_BY(mu);
    std::string problem GUARDED_BY(mu);
    // A call failed as calls to a server that is gone do.
    bool is_doubted GUARDED_BY(mu) = false;
    bool is_stopping GUARDED_BY(mu) = false;
  };
  class Call;

  void Run(const std::stop_token& stop);
  absl::StatusOr<v1::NegotiateAnalysisResponse> Negotiate(const std::stop_token& stop);
  void Take(absl::StatusOr<v1::NegotiateAnalysisResponse> answer);
  // Until `wait` has passed, a call casts doubt on the analyzer, or the link ends.
  void Wait(absl::Duration wait);
  std::shared_ptr<grpc::Channel> NewChannel() const;

  const int id_;
  const AnalyzerLinkOptions options_;
  base::Clock& clock_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  base::Thread thread_;
};

}  // namespace daemoneye::gateway
