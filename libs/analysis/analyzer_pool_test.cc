#include "libs/analysis/analyzer_pool.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/analysis/fake_analyzer.h"
#include "libs/base/fake_clock.h"

namespace daemoneye::analysis {
namespace {

using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr absl::Duration kTimeout = absl::Seconds(10);

class AnalyzerPoolTest : public testing::Test {
 protected:
  FakeAnalyzer& Add(const std::string& name, uint32_t concurrency, uint32_t rate = 0) {
    v1::NegotiateAnalysisResponse can;
    can.set_name(name);
    can.add_analysis_types(v1::ANALYSIS_TYPE_BINARY_HASH);
    can.add_analysis_types(v1::ANALYSIS_TYPE_CUSTOM);
    can.add_custom_types("strings");
    can.add_priorities(v1::TRIGGER_PRIORITY_HIGH);
    can.add_priorities(v1::TRIGGER_PRIORITY_NORMAL);
    can.mutable_limits()->set_max_concurrent(concurrency);
    can.mutable_limits()->set_max_rate_per_minute(rate);
    can.mutable_limits()->mutable_max_duration()->set_seconds(3);
    analyzers_.push_back(std::make_shared<FakeAnalyzer>(can));
    return *analyzers_.back();
  }
  AnalyzerPool& pool() {
    if (!pool_.has_value()) {
      pool_.emplace(std::vector<std::shared_ptr<Analyzer>>(analyzers_.begin(), analyzers_.end()),
                    clock_);
      pool_->SetOnRoom([this] { ++told_; });
    }
    return *pool_;
  }
  Begun Begin(const std::string& name, v1::AnalysisType type = v1::ANALYSIS_TYPE_BINARY_HASH) {
    v1::AnalyzeRequest request;
    request.set_analysis_type(type);
    return pool().Begin(name, request, kTimeout,
                        [this](const auto& result) { answers_.push_back(result.status()); });
  }

  base::FakeClock clock_;
  std::vector<std::shared_ptr<FakeAnalyzer>> analyzers_;
  std::vector<absl::Status> answers_;
  int told_ = 0;
  std::optional<AnalyzerPool> pool_;
};

TEST_F(AnalyzerPoolTest, AsksOnlyForWhatAnAnalyzerCanDo) {
  Add("hasher", 1);
  const auto check = [&](const std::string& name, v1::AnalysisType type, const char* custom,
                         v1::TriggerPriority priority) {
    return pool().Check(name, type, custom, priority);
  };
  EXPECT_TRUE(check("hasher", v1::ANALYSIS_TYPE_BINARY_HASH, "", v1::TRIGGER_PRIORITY_HIGH).ok());
  EXPECT_TRUE(
      check("hasher", v1::ANALYSIS_TYPE_CUSTOM, "strings", v1::TRIGGER_PRIORITY_UNSPECIFIED).ok());
  struct Case {
    absl::Status status;
    absl::StatusCode code;
    const char* says;
  };
  for (const Case& c : {
           Case{check("other", v1::ANALYSIS_TYPE_BINARY_HASH, "", v1::TRIGGER_PRIORITY_HIGH),
                absl::StatusCode::kFailedPrecondition,
                "no analyzer is named \"other\"; there is hasher"},
           Case{check("hasher", v1::ANALYSIS_TYPE_YARA_SCAN, "", v1::TRIGGER_PRIORITY_HIGH),
                absl::StatusCode::kFailedPrecondition,
                "hasher cannot do YARA_SCAN: it does BINARY_HASH, CUSTOM"},
           Case{check("hasher", v1::ANALYSIS_TYPE_CUSTOM, "x", v1::TRIGGER_PRIORITY_HIGH),
                absl::StatusCode::kFailedPrecondition, "no analysis \"x\": it has strings"},
           Case{check("hasher", v1::ANALYSIS_TYPE_BINARY_HASH, "", v1::TRIGGER_PRIORITY_LOW),
                absl::StatusCode::kFailedPrecondition, "no requests of priority LOW"},
       }) {
    EXPECT_EQ(c.status.code(), c.code) << c.status;
    EXPECT_THAT(std::string(c.status.message()), HasSubstr(c.says));
  }
}

TEST_F(AnalyzerPoolTest, AnUnknownNameMayBeThatOfAnAnalyzerThatWasNotReachedYet) {
  Add("hasher", 1);
  Add("", 1);
  const absl::Status status =
      pool().Check("yara", v1::ANALYSIS_TYPE_YARA_SCAN, "", v1::TRIGGER_PRIORITY_UNSPECIFIED);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("some were not reached yet"));
}

TEST_F(AnalyzerPoolTest, KeepsToTheConcurrencyAndTellsOfRoom) {
  FakeAnalyzer& hasher = Add("hasher", 2);
  const Begun first = Begin("hasher");
  const Begun second = Begin("hasher");
  ASSERT_NE(second.call, nullptr);
  const Begun third = Begin("hasher");
  EXPECT_EQ(third.call, nullptr);
  EXPECT_EQ(third.retry_after, absl::InfiniteDuration());
  EXPECT_EQ(told_, 0);
  hasher.End(0, v1::AnalysisResult());
  EXPECT_EQ(told_, 1);
  EXPECT_NE(Begin("hasher").call, nullptr);
  EXPECT_EQ(Begin("hasher").call, nullptr);
}

TEST_F(AnalyzerPoolTest, GivesAPlaceBackOnceWhetherAnsweredOrGivenUp) {
  FakeAnalyzer& hasher = Add("hasher", 1);
  const Begun given_up = Begin("hasher");
  given_up.call->Cancel();
  EXPECT_EQ(told_, 1);
  const Begun next = Begin("hasher");
  ASSERT_NE(next.call, nullptr);
  hasher.End(0, v1::AnalysisResult());  // the late answer of the first
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(Begin("hasher").call, nullptr);
  EXPECT_EQ(pool().statuses().front().under_way, 1u);
}

TEST_F(AnalyzerPoolTest, KeepsToTheRate) {
  FakeAnalyzer& hasher = Add("hasher", 100, 3);
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_NE(Begin("hasher").call, nullptr);
    hasher.End(i, v1::AnalysisResult());
  }
  const Begun refused = Begin("hasher");
  EXPECT_EQ(refused.call, nullptr);
  EXPECT_GT(refused.retry_after, absl::ZeroDuration());
  EXPECT_LT(refused.retry_after, absl::InfiniteDuration());
  clock_.Advance(absl::Seconds(61));
  EXPECT_NE(Begin("hasher").call, nullptr);
}

TEST_F(AnalyzerPoolTest, CutsTheTimeToWhatTheAnalyzerTakesOn) {
  FakeAnalyzer& hasher = Add("hasher", 1);
  const Begun begun = Begin("hasher");
  EXPECT_EQ(hasher.timeout(0), absl::Seconds(3));
}

TEST_F(AnalyzerPoolTest, AnswersForAnAnalyzerThatCannotBeAsked) {
  FakeAnalyzer& hasher = Add("hasher", 1);
  hasher.SetProblem("connection refused");
  EXPECT_NE(Begin("hasher").call, nullptr);
  EXPECT_NE(Begin("nobody").call, nullptr);
  EXPECT_NE(Begin("hasher", v1::ANALYSIS_TYPE_YARA_SCAN).call, nullptr);
  ASSERT_EQ(answers_.size(), 3u);
  EXPECT_EQ(answers_[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(answers_[0].message()), HasSubstr("connection refused"));
  EXPECT_EQ(answers_[1].code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(answers_[2].code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(hasher.requests(), 0u);
}

TEST_F(AnalyzerPoolTest, AsksAnotherOfTheSameNameWhereTheFirstCannotOrIsFull) {
  FakeAnalyzer& first = Add("hasher", 1);
  FakeAnalyzer& second = Add("hasher", 1);
  EXPECT_NE(Begin("hasher").call, nullptr);
  EXPECT_NE(Begin("hasher").call, nullptr);
  EXPECT_EQ(Begin("hasher").call, nullptr);
  EXPECT_EQ(first.requests(), 1u);
  EXPECT_EQ(second.requests(), 1u);
  second.End(0, v1::AnalysisResult());
  first.End(0, v1::AnalysisResult());
  first.SetProblem("away");
  EXPECT_NE(Begin("hasher").call, nullptr);
  EXPECT_EQ(second.requests(), 2u);
}

TEST_F(AnalyzerPoolTest, CountsAnswersByCode) {
  FakeAnalyzer& hasher = Add("hasher", 5);
  for (int i = 0; i < 3; ++i) ASSERT_NE(Begin("hasher").call, nullptr);
  hasher.End(0, v1::AnalysisResult());
  hasher.End(1, absl::NotFoundError(""));
  const AnalyzerStatus status = pool().statuses().front();
  EXPECT_EQ(status.under_way, 1u);
  EXPECT_THAT(status.answers, UnorderedElementsAre(Pair("OK", 1), Pair("NOT_FOUND", 1)));
}

TEST_F(AnalyzerPoolTest, LeavesCallsThatOutliveIt) {
  FakeAnalyzer& hasher = Add("hasher", 1);
  const Begun begun = Begin("hasher");
  pool_.reset();
  hasher.End(0, v1::AnalysisResult());
  EXPECT_EQ(answers_.size(), 1u);
  EXPECT_EQ(told_, 0);
}

}  // namespace
}  // namespace daemoneye::analysis
