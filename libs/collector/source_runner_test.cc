#include "libs/collector/source_runner.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/fake_clock.h"
#include "libs/collector/call_thread.h"
#include "libs/collector/fake_event_source.h"

namespace daemoneye::collector {
namespace {

using base::operator+;
using testing::HasSubstr;

TEST(RestartDelayTest, GrowsByASecondAFailureToAMinute) {
  EXPECT_EQ(RestartDelay(1), absl::Seconds(1));
  EXPECT_EQ(RestartDelay(5), absl::Seconds(5));
  EXPECT_EQ(RestartDelay(60), absl::Seconds(60));
  EXPECT_EQ(RestartDelay(61), absl::Seconds(60));
  EXPECT_EQ(RestartDelay(4'000'000'000), absl::Seconds(60));
}

// Drives a runner as the supervisor does, one step at a time.
class SourceRunnerTest : public testing::Test {
 protected:
  // A thread whose last call has told its end and not returned yet is left behind by its runner.
  static void TearDownTestSuite() { CallThread::JoinLeftBehind(); }

  // Waits for the source's next answer, then steps.
  void StepOnAnswer() {
    wake_->Await(base::Monotonic::max(), clock_);
    runner_.Step(clock_.MonotonicNow());
  }
  void Advance(absl::Duration d) {
    clock_.Advance(d);
    runner_.Step(clock_.MonotonicNow());
  }
  SourceStatus status() const { return tracker_->sources().at(0); }

  base::FakeClock clock_;
  const CollectorConfig config_;
  FakeSourceScript script_{"fake"};
  const std::shared_ptr<Wake> wake_ = std::make_shared<Wake>();
  const std::shared_ptr<Intake> intake_ = std::make_shared<Intake>(config_, clock_);
  const std::shared_ptr<HealthTracker> tracker_ =
      std::make_shared<HealthTracker>(HealthTracker::Listeners());
  const std::shared_ptr<SourceHandle> handle_ =
      std::make_shared<SourceHandle>(MakeFakeEventSource(script_), intake_, wake_);
  SourceRunner runner_{{.handle = handle_, .tracker = tracker_, .wake = wake_},
                       tracker_->Add(handle_->source->descriptor()),
                       config_,
                       clock_};
};

TEST_F(SourceRunnerTest, NextStepIsWhenSomethingIsDue) {
  EXPECT_EQ(status().state, SourceState::kCreated);
  runner_.Start();
  EXPECT_EQ(status().state, SourceState::kStarting);
  wake_->Await(base::Monotonic::max(), clock_);
  const base::Monotonic now = clock_.MonotonicNow();
  EXPECT_EQ(runner_.Step(now), now + config_.health_check_interval);
  EXPECT_EQ(status().state, SourceState::kRunning);
}

TEST_F(SourceRunnerTest, AStopThatHangsAtARestartIsToldAndFinishedLate) {
  runner_.Start();
  StepOnAnswer();
  script_.Hang(FakeCall::kStop);
  handle_->sink.ReportFailure(absl::UnavailableError("gone"));
  StepOnAnswer();
  EXPECT_EQ(status().state, SourceState::kStopping);
  Advance(config_.shutdown_timeout);
  EXPECT_EQ(status().state, SourceState::kDegraded);
  EXPECT_THAT(status().detail, HasSubstr("Stop has not returned"));
  script_.Release(FakeCall::kStop);
  StepOnAnswer();
  EXPECT_THAT(status().detail, HasSubstr("next attempt in 1s: gone"));
  Advance(absl::Seconds(1));
  StepOnAnswer();
  EXPECT_EQ(status().state, SourceState::kRunning);
  EXPECT_EQ(status().restarts, 1u);
}

TEST_F(SourceRunnerTest, TheSinkTakesEventsFromStartToTheEndOfStop) {
  EXPECT_TRUE(absl::IsFailedPrecondition(handle_->sink.Emit(FakeProcessEvents(0, 1))));
  std::vector<absl::Status> emitted;
  script_.OnStart([&](EventSink& s) { emitted.push_back(s.Emit(FakeProcessEvents(0, 1))); });
  script_.OnStop([&](EventSink& s) { emitted.push_back(s.Emit(FakeProcessEvents(0, 1))); });
  runner_.Start();
  StepOnAnswer();
  runner_.Stop(clock_.MonotonicNow() + absl::Seconds(1));
  StepOnAnswer();
  EXPECT_THAT(emitted, testing::ElementsAre(absl::OkStatus(), absl::OkStatus()));
  EXPECT_EQ(status().state, SourceState::kStopped);
  EXPECT_TRUE(absl::IsFailedPrecondition(handle_->sink.Emit(FakeProcessEvents(0, 1))));
}

TEST_F(SourceRunnerTest, AFailureOfAnEarlierRunIsNoFailureOfThisOne) {
  runner_.Start();
  StepOnAnswer();
  EXPECT_EQ(handle_->sink.run(), 1u);
  handle_->sink.ReportFailureOf(2, absl::InternalError("not this run"));
  handle_->sink.ReportFailureOf(0, absl::InternalError("not this run"));
  runner_.Step(clock_.MonotonicNow());
  EXPECT_EQ(status().state, SourceState::kRunning);
}

TEST_F(SourceRunnerTest, CallsOfASourceThatDoesNotRunAreRefused) {
  EXPECT_FALSE(runner_.Probe([](SourceHandle&) {}));
}

}  // namespace
}  // namespace daemoneye::collector
