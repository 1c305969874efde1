// The service as clients see it, over loopback.

#include "libs/analysis_server/analyzer_service.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "libs/analysis_server/fake_analysis.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/rpc/server.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::analysis_server {
namespace {

using ::testing::HasSubstr;

v1::AnalyzeRequest Request(const std::string& id) {
  v1::AnalyzeRequest request;
  request.set_request_id(id);
  request.set_analysis_type(v1::ANALYSIS_TYPE_BINARY_HASH);
  request.mutable_target()->set_pid(1);
  return request;
}

class AnalyzerServiceTest : public testing::Test {
 protected:
  AnalyzerServiceTest() {
    v1::NegotiateAnalysisResponse can;
    can.set_name("test-analyzer");
    can.add_analysis_types(v1::ANALYSIS_TYPE_BINARY_HASH);
    service_ = std::make_unique<AnalyzerService>(
        can, analysis_, queue_, clock_,
        [this](v1::AnalysisType, absl::StatusCode code, absl::Duration) {
          base::MutexLock lock(mu_);
          codes_.push_back(code);
        });
    server_ =
        rpc::Server::Start({.listen = {"127.0.0.1:0"}, .max_request_bytes = kMaxRequestBytes},
                           {{service_.get(), v1::AnalyzerService::service_full_name()}}, nullptr)
            .value();
    stub_ = v1::AnalyzerService::NewStub(grpc::CreateChannel(
        server_->addresses().front().ToString(), grpc::InsecureChannelCredentials()));
  }
  ~AnalyzerServiceTest() override {
    static_cast<void>(queue_.Stop(absl::Seconds(5)));
    server_->Shutdown(absl::ZeroDuration());
  }

  absl::Status Analyze(const v1::AnalyzeRequest& request, v1::AnalyzeResponse* response = nullptr,
                       std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    v1::AnalyzeResponse ignored;
    return rpc::FromGrpc(
        stub_->Analyze(&context, request, response == nullptr ? &ignored : response));
  }

  base::Clock& clock_ = base::Clock::Real();
  monitor::StreamLoop loop_{clock_};
  FakeAnalysis analysis_;
  AnalysisQueue queue_{analysis_, {.max_concurrent = 1, .max_queue = 1}, loop_, clock_};
  base::Mutex mu_;
  std::vector<absl::StatusCode> codes_ GUARDED_BY(mu_);
  std::unique_ptr<AnalyzerService> service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::AnalyzerService::Stub> stub_;
};

TEST_F(AnalyzerServiceTest, TellsWhatItCanDo) {
  grpc::ClientContext context;
  v1::NegotiateAnalysisResponse response;
  ASSERT_TRUE(stub_->NegotiateAnalysis(&context, {}, &response).ok());
  EXPECT_EQ(response.name(), "test-analyzer");
  grpc::ClientContext again;
  v1::NegotiateAnalysisRequest request;
  request.set_client_id(std::string(257, 'x'));
  const grpc::Status status = stub_->NegotiateAnalysis(&again, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("client_id"));
}

TEST_F(AnalyzerServiceTest, AnswersWithTheResultAndCountsIt) {
  analysis_.ReleaseAll();
  v1::AnalyzeResponse response;
  ASSERT_TRUE(Analyze(Request("one"), &response).ok());
  EXPECT_EQ(response.result().summary(), "one");
  base::MutexLock lock(mu_);
  EXPECT_THAT(codes_, testing::ElementsAre(absl::StatusCode::kOk));
}

TEST_F(AnalyzerServiceTest, RefusesWhatIsWrongByItsField) {
  v1::AnalyzeRequest request = Request("one");
  request.clear_target();
  absl::Status status = Analyze(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(status.GetPayload("type.googleapis.com/google.rpc.BadRequest").has_value());
  request = Request("one");
  (*request.mutable_context()->mutable_parameters())["wrong"] = "";
  status = Analyze(request);
  EXPECT_EQ(status.message(), "context.parameters[\"wrong\"]: is wrong");
}

TEST_F(AnalyzerServiceTest, TakesARequestWithTheResultsOfEarlierStages) {
  analysis_.ReleaseAll();
  v1::AnalyzeRequest request = Request("large");
  for (int i = 0; i < 60; ++i) {
    v1::AnalysisResult& result = (*request.mutable_context()->mutable_results())[std::to_string(i)];
    (*result.mutable_result()->mutable_fields())["x"].set_string_value(std::string(60'000, 'x'));
  }
  EXPECT_TRUE(Analyze(request).ok());
}

TEST_F(AnalyzerServiceTest, AFullQueueIsResourceExhaustedWithRetryInfo) {
  const auto ignore = [](const AnalysisAnswer&) {};
  queue_.Submit(Request("running"), base::Monotonic::max(), ignore);
  analysis_.AwaitBegun(1);
  queue_.Submit(Request("waiting"), base::Monotonic::max(), ignore);
  const absl::Status status = Analyze(Request("one too many"));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(rpc::RetryDelay(status).has_value());
}

TEST_F(AnalyzerServiceTest, TheCallersDeadlineIsTheAnalysissAndFreesItsPlace) {
  EXPECT_EQ(Analyze(Request("slow"), nullptr, std::chrono::milliseconds(50)).code(),
            absl::StatusCode::kDeadlineExceeded);
  analysis_.AwaitEnded(1);
  analysis_.ReleaseAll();
  EXPECT_TRUE(Analyze(Request("next")).ok());
}

TEST_F(AnalyzerServiceTest, ACallerThatGoesFreesItsPlace) {
  {
    grpc::ClientContext context;
    grpc::CompletionQueue calls;
    v1::AnalyzeResponse response;
    grpc::Status ended;
    const auto call = stub_->AsyncAnalyze(&context, Request("gone"), &calls);
    call->Finish(&response, &ended, &context);
    analysis_.AwaitBegun(1);
    context.TryCancel();
    void* tag = nullptr;
    bool is_ok = false;
    ASSERT_TRUE(calls.Next(&tag, &is_ok));
    EXPECT_EQ(ended.error_code(), grpc::StatusCode::CANCELLED);
    calls.Shutdown();
    EXPECT_FALSE(calls.Next(&tag, &is_ok));
  }
  analysis_.AwaitEnded(1);
  analysis_.ReleaseAll();
  EXPECT_TRUE(Analyze(Request("next")).ok());
}

TEST_F(AnalyzerServiceTest, AServerThatEndsSaysSo) {
  const base::Thread caller("caller", [&](const std::stop_token&) {
    EXPECT_EQ(Analyze(Request("one")).code(), absl::StatusCode::kUnavailable);
  });
  analysis_.AwaitBegun(1);
  EXPECT_TRUE(queue_.Stop(absl::Seconds(5)).ok());
}

}  // namespace
}  // namespace daemoneye::analysis_server
