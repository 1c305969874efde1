#include "services/collector_gateway/behavioral_analyzer.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/analysis/result_check.h"
#include "libs/base/mutex.h"
#include "services/collector_gateway/stage_fixture.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kDay = 24 * 60 * 60;

class BehavioralAnalyzerTest : public ::testing::Test {
 protected:
  // Asks about the process of pid 7, whose event is at kEventSeconds.
  absl::StatusOr<v1::AnalysisResult> Analyze(const std::string& process_key = "key-7") {
    v1::AnalyzeRequest request;
    request.set_analysis_type(type_);
    request.mutable_target()->set_process_key(process_key);
    request.mutable_context()->mutable_event()->mutable_event_time()->set_seconds(kEventSeconds);
    return Ask(request);
  }
  absl::StatusOr<v1::AnalysisResult> Ask(const v1::AnalyzeRequest& request) {
    BehavioralAnalyzer analyzer(
        {.stages = stages_, .clock = base::Clock::Real(), .lookup = lookup_, .version = "1"});
    base::Mutex mu;
    base::CondVar changed;
    bool has_ended = false;
    absl::StatusOr<v1::AnalysisResult> answer = absl::UnknownError("");
    const auto call =
        analyzer.Begin(request, absl::Seconds(30), [&](absl::StatusOr<v1::AnalysisResult> result) {
          const base::MutexLock lock(mu);
          answer = std::move(result);
          has_ended = true;
          changed.NotifyAll();
        });
    EXPECT_NE(call, nullptr);
    const base::MutexLock lock(mu);
    while (!has_ended) changed.Wait(mu);
    if (answer.ok()) {
      EXPECT_TRUE(analysis::CheckResult(*answer).ok()) << analysis::CheckResult(*answer);
    }
    return answer;
  }

  static std::vector<std::string> Findings(const v1::AnalysisResult& result) {
    std::vector<std::string> findings;
    for (const auto& value : result.result().fields().at("findings").list_value().values()) {
      findings.push_back(value.string_value().substr(0, value.string_value().find(':')));
    }
    return findings;
  }
  static double Number(const v1::AnalysisResult& result, const std::string& object,
                       const std::string& name) {
    return result.result().fields().at(object).struct_value().fields().at(name).number_value();
  }
  // init and `parent` (5), and a process `child` (7) of its, that ran two days ago as well.
  void TellChild(const std::string& parent, const std::string& child, bool has_run_before = true) {
    v1::CollectionEvent before =
        KnownGateway::Start(2, 1, has_run_before ? child : "other", kEventSeconds - 2 * kDay);
    known_.Store(before);
    known_.Tell(KnownGateway::Start(1, 0, "init", kEventSeconds - 1000));
    known_.Tell(KnownGateway::Start(5, 1, parent, kEventSeconds - 900));
    v1::CollectionEvent event = KnownGateway::Start(7, 5, child);
    event.mutable_process()->set_parent_name(parent);
    known_.Tell(event);
  }
  // `count` starts of `name` below the process 5, from `first_pid` on, at `seconds`.
  void TellStarts(int count, uint32_t first_pid, const std::string& name, int64_t seconds) {
    for (int i = 0; i < count; ++i) {
      known_.Tell(KnownGateway::Start(first_pid + static_cast<uint32_t>(i), 5, name, seconds));
    }
  }

  KnownGateway known_;
  ProcessLookup::Ports lookup_ = known_.lookup();
  v1::AnalysisType type_ = v1::ANALYSIS_TYPE_BEHAVIORAL_ANALYSIS;
  BlockingStages stages_{{.name = "behavior", .threads = 2}, base::Clock::Real()};
};

TEST_F(BehavioralAnalyzerTest, SaysWhatItDoesAndItsLimits) {
  BehavioralAnalyzer analyzer(
      {.stages = stages_, .clock = base::Clock::Real(), .lookup = lookup_, .version = "1.2"});
  const v1::NegotiateAnalysisResponse can = analyzer.capabilities();
  EXPECT_EQ(can.name(), "behavioral");
  EXPECT_EQ(can.version(), "1.2");
  EXPECT_THAT(can.analysis_types(), ElementsAre(v1::ANALYSIS_TYPE_BEHAVIORAL_ANALYSIS));
  EXPECT_EQ(can.limits().max_concurrent(), 2u);
  EXPECT_EQ(can.limits().max_duration().seconds(), 30);
  EXPECT_EQ(analyzer.problem(), "");
}

TEST_F(BehavioralAnalyzerTest, NothingUnusualIsClean) {
  TellChild("sshd", "bash");
  TellStarts(2, 20, "bash", kEventSeconds - 10);
  const auto result = Analyze();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Findings(*result), IsEmpty());
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_CLEAN);
  EXPECT_DOUBLE_EQ(result->confidence(), 0.6);
  EXPECT_TRUE(result->authoritative());
  EXPECT_TRUE(result->completeness().complete()) << result->completeness().ShortDebugString();
  EXPECT_EQ(result->summary(), "Nothing unusual: bash (pid 7) under sshd under init");
  EXPECT_EQ(result->result().fields().at("siblings").number_value(), 2);
  EXPECT_EQ(result->result().fields().at("siblings_alike").number_value(), 2);
  EXPECT_EQ(Number(*result, "starts_of_image", "starts"), 3);
  EXPECT_EQ(Number(*result, "starts_of_parent", "starts"), 3);
  EXPECT_FALSE(result->result().fields().at("first_seen").bool_value());
  EXPECT_GE(result->evidence_size(), 3);
}

TEST_F(BehavioralAnalyzerTest, AServerThatStartsAShellIsSuspicious) {
  TellChild("nginx", "sh");
  const auto result = Analyze();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Findings(*result), ElementsAre("unusual_parent"));
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_SUSPICIOUS);
  EXPECT_DOUBLE_EQ(result->confidence(), 0.8);
  const Struct& unusual = result->result().fields().at("unusual_parent").struct_value();
  EXPECT_EQ(TextOf(unusual, "parent"), "nginx");
  EXPECT_EQ(TextOf(unusual, "child"), "sh");
  EXPECT_THAT(result->summary(), HasSubstr("nginx started sh"));
}

TEST_F(BehavioralAnalyzerTest, ABurstIsThirtyStartsAndTenTimesWhatWasBefore) {
  TellChild("sshd", "scan");
  TellStarts(28, 100, "scan", kEventSeconds - 60);
  const auto below = Analyze();
  ASSERT_TRUE(below.ok()) << below.status();
  EXPECT_EQ(Number(*below, "starts_of_image", "starts"), 29);
  EXPECT_THAT(Findings(*below), IsEmpty());
  TellStarts(1, 200, "scan", kEventSeconds);
  const auto burst = Analyze();
  ASSERT_TRUE(burst.ok()) << burst.status();
  EXPECT_THAT(Findings(*burst), ElementsAre("burst", "burst")) << "of the image, and of the parent";
  EXPECT_EQ(burst->verdict(), v1::ANALYSIS_VERDICT_SUSPICIOUS);
  EXPECT_DOUBLE_EQ(burst->confidence(), 0.7);
  // As many all the time: 60 in the hour before are 5 in 5 minutes.
  TellStarts(60, 300, "scan", kEventSeconds - 2'000);
  const auto usual = Analyze();
  ASSERT_TRUE(usual.ok()) << usual.status();
  EXPECT_DOUBLE_EQ(Number(*usual, "starts_of_image", "starts_before"), 5);
  EXPECT_THAT(Findings(*usual), IsEmpty());
}

TEST_F(BehavioralAnalyzerTest, FirstSeenCountsWhereTheStoreGoesBackADay) {
  TellChild("sshd", "new", /*has_run_before=*/false);
  const auto result = Analyze();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->result().fields().at("first_seen").bool_value());
  EXPECT_FALSE(result->result().fields().at("first_seen_is_limited").bool_value());
  EXPECT_EQ(result->result().fields().at("history_s").number_value(), 2 * kDay);
  EXPECT_THAT(Findings(*result), ElementsAre("first_seen"));
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN) << "that alone says little";
  EXPECT_DOUBLE_EQ(result->confidence(), 0.3);
}

TEST_F(BehavioralAnalyzerTest, AYoungStoreSaysThatItsFirstSightIsLimited) {
  known_.Tell(KnownGateway::Start(1, 0, "init", kEventSeconds - 100));
  known_.Tell(KnownGateway::Start(7, 1, "new"));
  const auto result = Analyze();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->result().fields().at("first_seen").bool_value());
  EXPECT_TRUE(result->result().fields().at("first_seen_is_limited").bool_value());
  EXPECT_THAT(Findings(*result), IsEmpty());
}

TEST_F(BehavioralAnalyzerTest, FindingsTogetherAreSurer) {
  TellChild("nginx", "sh", /*has_run_before=*/false);
  const auto result = Analyze();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Findings(*result), ElementsAre("unusual_parent", "first_seen"));
  EXPECT_DOUBLE_EQ(result->confidence(), 0.9);
}

TEST_F(BehavioralAnalyzerTest, WhatItCannotLookAtIsNotClean) {
  TellChild("sshd", "bash");
  lookup_.queries = nullptr;
  lookup_.events = nullptr;
  const auto no_store = Analyze();
  ASSERT_TRUE(no_store.ok()) << no_store.status();
  EXPECT_EQ(no_store->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);
  EXPECT_THAT(no_store->completeness().reasons(0), HasSubstr("nothing is stored"));
  known_.Tell(KnownGateway::Start(8, 99, "orphan"));
  const auto orphan = Analyze("key-8");
  ASSERT_TRUE(orphan.ok()) << orphan.status();
  EXPECT_EQ(orphan->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);
  EXPECT_THAT(orphan->completeness().reasons(0), HasSubstr("key-99 is not known"));
}

TEST_F(BehavioralAnalyzerTest, RefusesWhatItDoesNotDoAndWhatItDoesNotKnow) {
  TellChild("sshd", "bash");
  EXPECT_TRUE(absl::IsNotFound(Analyze("key-70").status()));
  v1::AnalyzeRequest request;
  request.set_analysis_type(type_);
  request.mutable_target()->set_path("/bin/bash");
  known_.Tell(KnownGateway::Start(30, 5, "bash"));
  const auto many = Ask(request);
  ASSERT_TRUE(many.ok()) << many.status();
  EXPECT_EQ(many->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);
  EXPECT_THAT(many->summary(), HasSubstr("2 processes fit"));
  type_ = v1::ANALYSIS_TYPE_YARA_SCAN;
  EXPECT_TRUE(absl::IsFailedPrecondition(Analyze().status()));
}

TEST_F(BehavioralAnalyzerTest, WaitsForAThreadRatherThanToRefuse) {
  BlockingStages full({.threads = 0, .queue = 0}, base::Clock::Real());
  BehavioralAnalyzer analyzer(
      {.stages = full, .clock = base::Clock::Real(), .lookup = lookup_, .version = "1"});
  absl::Status status;
  const auto call =
      analyzer.Begin({}, absl::Seconds(1), [&](const auto& result) { status = result.status(); });
  ASSERT_NE(call, nullptr);
  EXPECT_TRUE(status.ok()) << status;
  call->Cancel();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  stages_.Stop();
  EXPECT_TRUE(absl::IsUnavailable(Analyze().status()));
}

}  // namespace
}  // namespace daemoneye::gateway
