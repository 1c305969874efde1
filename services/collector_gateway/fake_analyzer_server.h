// FakeAnalyzerServer: an AnalyzerService on a unix socket that answers just what a test tells it
// to, nonsense included.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "daemoneye/v1/analyzer_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "libs/base/mutex.h"

namespace daemoneye::gateway {

class FakeAnalyzerServer final : public v1::AnalyzerService::Service {
 public:
  // Answers `request`; may wait for the call's end with AwaitEnd.
  using Answer = std::function<grpc::Status(grpc::ServerContext&, const v1::AnalyzeRequest&,
                                            v1::AnalyzeResponse&)>;

  explicit FakeAnalyzerServer(const std::string& name = "hasher") {
    negotiation.set_name(name);
    negotiation.add_analysis_types(v1::ANALYSIS_TYPE_BINARY_HASH);
  }
  ~FakeAnalyzerServer() override { Stop(); }

  // Serves at "unix:///...".
  void Start(const std::string& address) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  // Ends every call.
  void Stop() {
    if (server_ == nullptr) return;
    // An answer before the server is down would have the caller find it still there.
    server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  // Answer to the negotiation; set before Start. Preset: hasher, BINARY_HASH.
  v1::NegotiateAnalysisResponse negotiation;

  void AnswerWith(Answer answer) {
    base::MutexLock lock(mu_);
    answer_ = std::move(answer);
  }
  // For an Answer: returns when the caller has given up, or the server stops.
  void AwaitEnd(grpc::ServerContext& context) {
    base::MutexLock lock(mu_);
    while (!context.IsCancelled()) {
      changed_.WaitUntil(mu_, std::chrono::steady_clock::now() + std::chrono::milliseconds(10));
    }
  }
  // Waits until `count` requests have come in all.
  void AwaitRequests(int count) {
    base::MutexLock lock(mu_);
    while (requests_ < count) changed_.Wait(mu_);
  }
  int requests() const {
    base::MutexLock lock(mu_);
    return requests_;
  }

 private:
  grpc::Status NegotiateAnalysis(grpc::ServerContext*, const v1::NegotiateAnalysisRequest*,
                                 v1::NegotiateAnalysisResponse* response) override {
    *response = negotiation;
    return grpc::Status::OK;
  }
  grpc::Status Analyze(grpc::ServerContext* context, const v1::AnalyzeRequest* request,
                       v1::AnalyzeResponse* response) override {
    Answer answer;
    {
      base::MutexLock lock(mu_);
      ++requests_;
      answer = answer_;
      changed_.NotifyAll();
    }
    if (answer) return answer(*context, *request, *response);
    response->mutable_result()->set_verdict(v1::ANALYSIS_VERDICT_CLEAN);
    response->mutable_result()->set_confidence(1);
    return grpc::Status::OK;
  }

  mutable base::Mutex mu_;
  base::CondVar changed_;
  Answer answer_ GUARDED_BY(mu_);
  int requests_ GUARDED_BY(mu_) = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace daemoneye::gateway
