#include "services/collector_gateway/analyzer_link.h"

#include <future>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/rpc/status_conversion.h"
#include "services/collector_gateway/fake_analyzer_server.h"
#include "tests/support/temp_directory.h"

namespace daemoneye::gateway {
namespace {

using testing::HasSubstr;

class AnalyzerLinkTest : public testing::Test {
 protected:
  std::string address() const { return directory_.Socket("analyzer.sock"); }
  AnalyzerLink& MakeLink() {
    AnalyzerLinkOptions options;
    options.address = address();
    options.target = address();
    options.credentials = grpc::InsecureChannelCredentials();
    options.client_id = "gateway";
    options.on_change = [this] {
      base::MutexLock lock(mu_);
      changed_.NotifyAll();
    };
    // Only a call that fails makes it ask again.
    options.interval = absl::Hours(1);
    options.max_backoff = absl::Milliseconds(200);
    link_.emplace(1, options, base::Clock::Real());
    link_->Start();
    return *link_;
  }
  void AwaitProblem(const std::string& part) {
    base::MutexLock lock(mu_);
    while (part.empty() ? !link_->problem().empty()
                        : link_->problem().find(part) == std::string::npos) {
      changed_.Wait(mu_);
    }
  }
  absl::StatusOr<v1::AnalysisResult> Ask(absl::Duration timeout = absl::Seconds(30)) {
    std::promise<absl::StatusOr<v1::AnalysisResult>> answer;
    const auto call = link_->Begin({}, timeout, [&](absl::StatusOr<v1::AnalysisResult> result) {
      answer.set_value(std::move(result));
    });
    return answer.get_future().get();
  }

  testing_support::TempDirectory directory_;
  FakeAnalyzerServer server_;
  base::Mutex mu_;
  base::CondVar changed_;
  std::optional<AnalyzerLink> link_;
};

TEST_F(AnalyzerLinkTest, LearnsWhatTheAnalyzerCanDoAndAsksIt) {
  server_.Start(address());
  const AnalyzerLink& link = MakeLink();
  AwaitProblem("");
  EXPECT_EQ(link.capabilities().name(), "hasher");
  const auto result = Ask();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_CLEAN);
}

TEST_F(AnalyzerLinkTest, FindsAnAnalyzerThatComesLater) {
  const AnalyzerLink& link = MakeLink();
  AwaitProblem("UNAVAILABLE");
  EXPECT_EQ(link.capabilities().name(), "");
  EXPECT_TRUE(absl::IsUnavailable(Ask().status()));
  server_.Start(address());
  AwaitProblem("");
  EXPECT_TRUE(Ask().ok());
}

TEST_F(AnalyzerLinkTest, NoticesAtOnceThatTheAnalyzerDiedUnderARequest) {
  server_.Start(address());
  AnalyzerLink& link = MakeLink();
  AwaitProblem("");
  server_.AnswerWith([this](auto& context, const auto&, auto&) {
    server_.AwaitEnd(context);
    return grpc::Status::CANCELLED;
  });
  std::promise<absl::Status> answer;
  const auto call = link.Begin({}, absl::Minutes(1),
                               [&](const auto& result) { answer.set_value(result.status()); });
  server_.AwaitRequests(1);
  server_.Stop();
  EXPECT_EQ(answer.get_future().get().code(), absl::StatusCode::kUnavailable);
  AwaitProblem("UNAVAILABLE");
  // What it could do last is still known, so that what names it can be judged.
  EXPECT_EQ(link.capabilities().name(), "hasher");
  server_.AnswerWith(nullptr);
  server_.negotiation.add_analysis_types(v1::ANALYSIS_TYPE_YARA_SCAN);
  server_.Start(address());
  AwaitProblem("");
  EXPECT_EQ(link.capabilities().analysis_types_size(), 2);
  EXPECT_TRUE(Ask().ok());
}

TEST_F(AnalyzerLinkTest, ATimeoutAndACancelEndARequestAtTheAnalyzerToo) {
  server_.Start(address());
  AnalyzerLink& link = MakeLink();
  AwaitProblem("");
  std::promise<void> first_ended;
  std::promise<void> second_ended;
  server_.AnswerWith([&](auto& context, const auto& request, auto&) {
    server_.AwaitEnd(context);
    (request.request_id() == "second" ? second_ended : first_ended).set_value();
    return grpc::Status::CANCELLED;
  });
  EXPECT_EQ(Ask(absl::Milliseconds(50)).status().code(), absl::StatusCode::kDeadlineExceeded);
  first_ended.get_future().get();
  v1::AnalyzeRequest request;
  request.set_request_id("second");
  std::promise<absl::Status> answer;
  const auto call = link.Begin(request, absl::Minutes(1),
                               [&](const auto& result) { answer.set_value(result.status()); });
  server_.AwaitRequests(2);
  call->Cancel();
  EXPECT_FALSE(answer.get_future().get().ok());
  second_ended.get_future().get();
}

TEST_F(AnalyzerLinkTest, TellsALimitThatPassesFromOneThatDoesNot) {
  server_.Start(address());
  MakeLink();
  AwaitProblem("");
  server_.AnswerWith([](auto&, const auto&, auto&) {
    return rpc::ToGrpc(
        rpc::WithRetryInfo(absl::ResourceExhaustedError("10 at once"), absl::Seconds(1)));
  });
  EXPECT_EQ(Ask().status().code(), absl::StatusCode::kResourceExhausted);
  server_.AnswerWith([](auto&, const auto&, auto&) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the file has 10 GB");
  });
  const absl::Status status = Ask().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("10 GB"));
}

TEST_F(AnalyzerLinkTest, TakesNoMoreThanAMessageMayHold) {
  server_.Start(address());
  MakeLink();
  AwaitProblem("");
  server_.AnswerWith([](auto&, const auto&, v1::AnalyzeResponse& response) {
    response.mutable_result()->set_summary(std::string(8 << 20, 'x'));
    return grpc::Status::OK;
  });
  EXPECT_EQ(Ask().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AnalyzerLinkTest, DoesNotBelieveANegotiationThatMakesNoSense) {
  struct Case {
    std::function<void(v1::NegotiateAnalysisResponse&)> spoil;
    const char* says;
  };
  const Case cases[] = {
      {[](auto& n) { n.clear_name(); }, "name is not"},
      {[](auto& n) { n.set_name("a b"); }, "name is not"},
      {[](auto& n) { n.set_name(std::string(200, 'a')); }, "name is not"},
      {[](auto& n) { n.clear_analysis_types(); }, "analysis_types is empty"},
      {[](auto& n) { n.add_analysis_types(v1::ANALYSIS_TYPE_UNSPECIFIED); }, "UNSPECIFIED"},
      {[](auto& n) { n.set_version(std::string(100'000, 'v')); }, "length is beyond"},
      {[](auto& n) {
         for (int i = 0; i < 65; ++i) n.add_custom_types("t");
       },
       "custom_types has more"},
      {[](auto& n) { n.mutable_limits()->mutable_max_duration()->set_seconds(-1); },
       "limits.max_duration is not above zero"},
  };
  const v1::NegotiateAnalysisResponse good = server_.negotiation;
  for (const Case& c : cases) {
    server_.negotiation = good;
    c.spoil(server_.negotiation);
    server_.Start(address());
    const AnalyzerLink& link = MakeLink();
    AwaitProblem(c.says);
    EXPECT_EQ(link.capabilities().name(), "");
    link_.reset();
    server_.Stop();
  }
}

TEST_F(AnalyzerLinkTest, EndsWhileTheAnalyzerDoesNotAnswer) {
  server_.Start(address());
  AnalyzerLink& link = MakeLink();
  AwaitProblem("");
  server_.AnswerWith([this](auto& context, const auto&, auto&) {
    server_.AwaitEnd(context);
    return grpc::Status::CANCELLED;
  });
  std::promise<void> answered;
  const auto call = link.Begin({}, absl::Minutes(1), [&](const auto&) { answered.set_value(); });
  server_.AwaitRequests(1);
  link_.reset();
  server_.Stop();
  answered.get_future().get();
}

}  // namespace
}  // namespace daemoneye::gateway
