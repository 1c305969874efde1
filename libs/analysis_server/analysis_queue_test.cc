#include "libs/analysis_server/analysis_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "libs/analysis_server/fake_analysis.h"
#include "libs/base/fake_clock.h"
#include "libs/base/mutex.h"

namespace daemoneye::analysis_server {
namespace {

using base::operator+;
using ::testing::ElementsAre;

// What came of one request; the queue may tell it after this has gone.
class Waiting {
 public:
  AnalysisQueue::Done done() {
    return [state = state_](AnalysisAnswer answer) {
      base::MutexLock lock(state->mu);
      state->answers.push_back(std::move(answer));
      state->changed.NotifyAll();
    };
  }
  AnalysisAnswer Await() {
    base::MutexLock lock(state_->mu);
    while (state_->answers.empty()) state_->changed.Wait(state_->mu);
    EXPECT_EQ(state_->answers.size(), 1u) << "answered twice";
    return state_->answers.front();
  }
  absl::StatusCode Code() { return Await().result.status().code(); }
  bool is_answered() {
    base::MutexLock lock(state_->mu);
    return !state_->answers.empty();
  }

 private:
  struct State {
    base::Mutex mu;
    base::CondVar changed;
    std::vector<AnalysisAnswer> answers GUARDED_BY(mu);
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

class AnalysisQueueTest : public testing::Test {
 protected:
  std::unique_ptr<AnalysisQueue> Make(const AnalysisLimits& limits) {
    return std::make_unique<AnalysisQueue>(analysis_, limits, loop_, clock_);
  }
  std::shared_ptr<AnalysisQueue::Job> Submit(
      AnalysisQueue& queue, const std::string& id, Waiting& waiting,
      v1::TriggerPriority priority = v1::TRIGGER_PRIORITY_UNSPECIFIED,
      absl::Duration timeout = absl::Seconds(20)) {
    v1::AnalyzeRequest request;
    request.set_request_id(id);
    request.set_priority(priority);
    return queue.Submit(request, clock_.MonotonicNow() + timeout, waiting.done());
  }

  base::FakeClock clock_;
  monitor::StreamLoop loop_{clock_};
  FakeAnalysis analysis_;
};

TEST_F(AnalysisQueueTest, AnalysesSoManyAtOnceAndTheOthersInTurn) {
  const auto queue = Make({.max_concurrent = 2});
  Waiting a, b, c;
  Submit(*queue, "a", a);
  Submit(*queue, "b", b);
  analysis_.AwaitBegun(2);
  Submit(*queue, "c", c);
  EXPECT_EQ(queue->statistics().running, 2u);
  EXPECT_EQ(queue->statistics().queued, 1u);
  analysis_.Release("a");
  EXPECT_EQ(a.Await().result->summary(), "a");
  analysis_.AwaitBegun(3);
  analysis_.ReleaseAll();
  EXPECT_EQ(b.Code(), absl::StatusCode::kOk);
  EXPECT_EQ(c.Code(), absl::StatusCode::kOk);
}

TEST_F(AnalysisQueueTest, TheUrgentOvertakeAndTheRestKeepTheirOrder) {
  const auto queue = Make({.max_concurrent = 1});
  std::vector<Waiting> waiting(7);
  Submit(*queue, "first", waiting[0]);
  analysis_.AwaitBegun(1);
  Submit(*queue, "low", waiting[1], v1::TRIGGER_PRIORITY_LOW);
  Submit(*queue, "unsaid", waiting[2]);
  Submit(*queue, "normal", waiting[3], v1::TRIGGER_PRIORITY_NORMAL);
  Submit(*queue, "high", waiting[4], v1::TRIGGER_PRIORITY_HIGH);
  Submit(*queue, "critical", waiting[5], v1::TRIGGER_PRIORITY_CRITICAL);
  Submit(*queue, "critical2", waiting[6], v1::TRIGGER_PRIORITY_CRITICAL);
  analysis_.ReleaseAll();
  EXPECT_THAT(analysis_.AwaitBegun(7),
              ElementsAre("first", "critical", "critical2", "high", "unsaid", "normal", "low"));
  for (Waiting& w : waiting) EXPECT_EQ(w.Code(), absl::StatusCode::kOk);
}

TEST_F(AnalysisQueueTest, AFullQueueRefusesUnlessTheNewOneIsMoreUrgent) {
  const auto queue = Make({.max_concurrent = 1, .max_queue = 2});
  Waiting running, low, normal, again, urgent;
  Submit(*queue, "running", running);
  analysis_.AwaitBegun(1);
  Submit(*queue, "low", low, v1::TRIGGER_PRIORITY_LOW);
  Submit(*queue, "normal", normal);
  Submit(*queue, "again", again, v1::TRIGGER_PRIORITY_LOW);
  EXPECT_EQ(again.Code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(again.Await().retry_after.has_value());
  EXPECT_FALSE(low.is_answered());
  Submit(*queue, "urgent", urgent, v1::TRIGGER_PRIORITY_CRITICAL);
  EXPECT_EQ(low.Code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(low.Await().retry_after.has_value());
  EXPECT_EQ(queue->statistics().refused_queue, 1u);
  EXPECT_EQ(queue->statistics().shed, 1u);
  analysis_.ReleaseAll();
  EXPECT_EQ(normal.Code(), absl::StatusCode::kOk);
  EXPECT_EQ(urgent.Code(), absl::StatusCode::kOk);
}

TEST_F(AnalysisQueueTest, WithoutAQueueOnlyWhatAWorkerTakesAtOnceIsTaken) {
  const auto queue = Make({.max_concurrent = 1, .max_queue = 0});
  Waiting a, b;
  Submit(*queue, "a", a);
  analysis_.AwaitBegun(1);
  Submit(*queue, "b", b);
  EXPECT_EQ(b.Code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(AnalysisQueueTest, KeepsTheRateAndTakesMoreAMinuteLater) {
  const auto queue = Make({.max_rate_per_minute = 2});
  analysis_.ReleaseAll();
  Waiting a, b, c, d;
  Submit(*queue, "a", a);
  Submit(*queue, "b", b);
  Submit(*queue, "c", c);
  EXPECT_EQ(c.Code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(c.Await().retry_after.has_value());
  EXPECT_EQ(queue->statistics().refused_rate, 1u);
  EXPECT_EQ(a.Code(), absl::StatusCode::kOk);
  EXPECT_EQ(b.Code(), absl::StatusCode::kOk);
  clock_.Advance(absl::Seconds(61));
  Submit(*queue, "d", d);
  EXPECT_EQ(d.Code(), absl::StatusCode::kOk);
}

TEST_F(AnalysisQueueTest, WhatRunsAndWhatWaitsIsAnsweredAtItsDeadline) {
  const auto queue = Make({.max_concurrent = 1, .max_duration = absl::Seconds(30)});
  Waiting running, queued, unbounded;
  Submit(*queue, "running", running);
  analysis_.AwaitBegun(1);
  Submit(*queue, "queued", queued, v1::TRIGGER_PRIORITY_UNSPECIFIED, absl::Seconds(10));
  Submit(*queue, "unbounded", unbounded, v1::TRIGGER_PRIORITY_UNSPECIFIED, absl::Hours(1));
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(queued.Code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(running.is_answered());
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(running.Code(), absl::StatusCode::kDeadlineExceeded);
  analysis_.AwaitEnded(1);  // its stop was asked for, and the place is free again
  analysis_.AwaitBegun(2);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(unbounded.Code(), absl::StatusCode::kDeadlineExceeded) << "max_duration";
}

TEST_F(AnalysisQueueTest, AnAnalysisThatIgnoresItsStopKeepsItsPlaceButNobodyWaitsForIt) {
  const auto queue = Make({.max_concurrent = 1});
  analysis_.IgnoreStop();
  Waiting stubborn, next;
  Submit(*queue, "stubborn", stubborn);
  analysis_.AwaitBegun(1);
  clock_.Advance(absl::Seconds(21));
  EXPECT_EQ(stubborn.Code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(queue->statistics().running, 1u);
  Submit(*queue, "next", next);
  EXPECT_EQ(queue->statistics().queued, 1u);
  analysis_.ReleaseAll();
  EXPECT_EQ(next.Code(), absl::StatusCode::kOk);
}

TEST_F(AnalysisQueueTest, CancelAnswersInEachStateAndFreesTheSlot) {
  const auto queue = Make({.max_concurrent = 1});
  Waiting running, queued, ended;
  const auto job = Submit(*queue, "running", running);
  analysis_.AwaitBegun(1);
  const auto other = Submit(*queue, "queued", queued);
  queue->Cancel(other);
  EXPECT_EQ(queued.Code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(queue->statistics().queued, 0u);
  queue->Cancel(job);
  EXPECT_EQ(running.Code(), absl::StatusCode::kCancelled);
  analysis_.AwaitEnded(1);
  analysis_.ReleaseAll();
  const auto last = Submit(*queue, "ended", ended);
  EXPECT_EQ(ended.Code(), absl::StatusCode::kOk);
  queue->Cancel(last);
  queue->Cancel(job);
}

TEST_F(AnalysisQueueTest, StopAnswersAllAndTakesNoMore) {
  const auto queue = Make({.max_concurrent = 1});
  Waiting running, queued, late;
  Submit(*queue, "running", running);
  analysis_.AwaitBegun(1);
  Submit(*queue, "queued", queued);
  EXPECT_TRUE(queue->Stop(absl::Seconds(5)).ok());
  EXPECT_EQ(running.Code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(queued.Code(), absl::StatusCode::kUnavailable);
  Submit(*queue, "late", late);
  EXPECT_EQ(late.Code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(queue->Stop(absl::Seconds(5)).ok());
}

TEST_F(AnalysisQueueTest, StopDoesNotWaitForWhatHangsBeyondItsPatience) {
  const auto queue = Make({.max_concurrent = 1});
  analysis_.IgnoreStop();
  Waiting hanging;
  Submit(*queue, "hanging", hanging);
  analysis_.AwaitBegun(1);
  EXPECT_EQ(queue->Stop(absl::ZeroDuration()).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(hanging.Code(), absl::StatusCode::kUnavailable);
  analysis_.ReleaseAll();  // so that this test ends
}

TEST_F(AnalysisQueueTest, TenThousandRequestsLeaveNothingBehind) {
  const auto queue = Make({.max_concurrent = 4, .max_queue = 10'000});
  analysis_.ReleaseAll();
  std::vector<Waiting> waiting(10'000);
  for (size_t i = 0; i < waiting.size(); ++i) {
    const auto job = Submit(*queue, "x", waiting[i]);
    if (i % 3 == 0) queue->Cancel(job);
  }
  for (Waiting& w : waiting) {
    const absl::StatusCode code = w.Code();
    EXPECT_TRUE(code == absl::StatusCode::kOk || code == absl::StatusCode::kCancelled);
  }
  EXPECT_TRUE(queue->Stop(absl::Seconds(5)).ok());
  EXPECT_EQ(queue->statistics().queued, 0u);
  EXPECT_EQ(queue->statistics().running, 0u);
}

}  // namespace
}  // namespace daemoneye::analysis_server
