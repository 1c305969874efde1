#include "libs/analysis/workflow_engine.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/analysis/fake_stage_runner.h"
#include "libs/analysis/workflow_check.h"
#include "libs/base/fake_clock.h"
#include "libs/storage/fake_execution_store.h"

namespace daemoneye::analysis {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::WorkflowExecution Request(const std::vector<std::vector<std::string>>& stages = {{"only"}},
                              v1::TriggerPriority priority = v1::TRIGGER_PRIORITY_NORMAL) {
  v1::WorkflowExecution execution;
  execution.set_workflow_id("w");
  execution.set_priority(priority);
  execution.mutable_target()->set_pid(1);
  // Each is its name and what it depends on.
  for (const auto& names : stages) {
    v1::WorkflowStage& stage = *execution.mutable_workflow()->add_stages();
    stage.set_id(names.front());
    stage.set_kind(v1::WORKFLOW_STAGE_KIND_ENRICHMENT);
    for (size_t i = 1; i < names.size(); ++i) stage.add_depends_on(names[i]);
  }
  return execution;
}

class WorkflowEngineTest : public testing::Test {
 protected:
  void MakeEngine(const WorkflowEngineOptions& options = {}) {
    engine_.emplace(
        runner_, &store_, clock_,
        [this](const ExecutionPtr& execution) {
          base::MutexLock lock(mu_);
          ended_.push_back(execution);
          changed_.NotifyAll();
        },
        options);
    engine_->SetListener([this](const ExecutionPtr& execution) {
      base::MutexLock lock(mu_);
      told_.push_back(execution);
      changed_.NotifyAll();
    });
    engine_->Start();
    ASSERT_EQ(engine_->Recover(), absl::OkStatus());
  }
  std::string Submit(v1::WorkflowExecution execution = Request()) {
    const auto accepted = engine_->Submit(std::move(execution));
    EXPECT_TRUE(accepted.ok()) << accepted.status();
    return (*accepted)->id();
  }
  // The executions that ended, in that order, once there are `count`.
  std::vector<ExecutionPtr> AwaitEnded(size_t count) {
    base::MutexLock lock(mu_);
    while (ended_.size() < count) changed_.Wait(mu_);
    return ended_;
  }
  // Waits until stage `i` of an execution was told to have made `attempts` and to be in `status`.
  void AwaitStage(int i, uint32_t attempts, v1::StageStatus status) {
    const auto is_there = [&](const ExecutionPtr& execution) {
      return execution->stages(i).attempts() == attempts && execution->stages(i).status() == status;
    };
    base::MutexLock lock(mu_);
    while (std::ranges::none_of(told_, is_there)) changed_.Wait(mu_);
  }
  // Moves the clock once the engine's thread waits for it.
  void Advance(absl::Duration duration) {
    clock_.AwaitWaiters(1);
    clock_.Advance(duration);
  }
  v1::StageStatus StageOf(const ExecutionPtr& execution, int i) {
    return execution->stages(i).status();
  }

  base::FakeClock clock_;
  FakeStageRunner runner_;
  storage::FakeExecutionStore store_;
  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<ExecutionPtr> told_ GUARDED_BY(mu_);
  std::vector<ExecutionPtr> ended_ GUARDED_BY(mu_);
  std::optional<WorkflowEngine> engine_;  // last: its thread uses the rest
};

TEST_F(WorkflowEngineTest, AStageWhoseResultIsTooMuchWithTheOthersFails) {
  MakeEngine({.max_result_bytes = 3'000});
  runner_.AnswerWith([](const StageWork&) {
    return StageOutcome{.result = FakeResult(std::string(1'000, 'x')), .alert_ids = {}};
  });
  Submit(Request({{"a"}, {"b", "a"}, {"c", "b"}}));
  const ExecutionPtr ended = AwaitEnded(1).front();
  EXPECT_EQ(ended->status(), v1::EXECUTION_STATUS_FAILED);
  EXPECT_EQ(StageOf(ended, 1), v1::STAGE_STATUS_COMPLETED);
  EXPECT_EQ(StageOf(ended, 2), v1::STAGE_STATUS_FAILED);
  EXPECT_THAT(ended->stages(2).error(), HasSubstr("longer than 3000 bytes"));
}

TEST_F(WorkflowEngineTest, ResultsOfStagesReachThoseBehindThem) {
  MakeEngine();
  Submit(Request({{"first"}, {"second", "first"}}));
  runner_.End(0, FakeResult("found"));
  const FakeStageRunner::Attempt second = runner_.Await(1);
  EXPECT_EQ(second.id(), "second");
  EXPECT_EQ(second.work.execution->stages(0).result().summary(), "found");
  EXPECT_EQ(second.work.execution->target().pid(), 1u);
  EXPECT_EQ(second.work.timeout, kDefaultStageTimeout);
  runner_.End(1, FakeResult());
  const ExecutionPtr ended = AwaitEnded(1)[0];
  EXPECT_EQ(ended->status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_EQ(store_.Get(ended->id())->status(), v1::EXECUTION_STATUS_COMPLETED);
}

TEST_F(WorkflowEngineTest, TenThousandExecutionsGiveEverySlotBack) {
  runner_.AnswerWith([](const StageWork& work) {
    // Some fail, so that every way out is taken.
    if (work.execution->id().back() < '4') return StageOutcome{absl::NotFoundError("gone"), {}};
    return StageOutcome{FakeResult(), {}};
  });
  MakeEngine({.max_running = 7});
  for (size_t i = 0; i < 10'000; ++i) {
    while (!engine_->Submit(Request({{"a"}, {"b", "a"}})).ok()) AwaitEnded(i - 500);
  }
  AwaitEnded(10'000);
  // The last one is told before it is counted as gone.
  Submit();
  AwaitEnded(10'001);
  const WorkflowStatistics statistics = engine_->statistics();
  EXPECT_EQ(statistics.pending, 0u);
  EXPECT_EQ(statistics.running, 0u);
  uint64_t ended = 0;
  for (const auto& [key, count] : statistics.ended) ended += count;
  EXPECT_EQ(ended, 10'001u);
  EXPECT_LE(engine_->List().size(), 101u);
}

TEST_F(WorkflowEngineTest, RunsAsManyAtOnceAsItMayAndTheMostUrgentFirst) {
  MakeEngine({.max_running = 1});
  Submit();
  runner_.Await(0);
  const std::string low = Submit(Request({{"low"}}, v1::TRIGGER_PRIORITY_LOW));
  const std::string normal = Submit(Request({{"normal"}}, v1::TRIGGER_PRIORITY_NORMAL));
  const std::string critical = Submit(Request({{"critical"}}, v1::TRIGGER_PRIORITY_CRITICAL));
  for (size_t i = 0; i < 4; ++i) runner_.End(i, FakeResult());
  const auto ended = AwaitEnded(4);
  EXPECT_EQ(ended[1]->id(), critical);
  EXPECT_EQ(ended[2]->id(), normal);
  EXPECT_EQ(ended[3]->id(), low);
}

TEST_F(WorkflowEngineTest, ARunnersRoomGoesToTheMostUrgentStage) {
  runner_.SetRoom(1);
  MakeEngine();
  Submit();
  runner_.Await(0);
  const std::string low = Submit(Request({{"low"}}, v1::TRIGGER_PRIORITY_LOW));
  const std::string high = Submit(Request({{"high"}}, v1::TRIGGER_PRIORITY_HIGH));
  ASSERT_EQ(engine_->AwaitKept(high), absl::OkStatus());
  runner_.End(0, FakeResult());
  AwaitEnded(1);
  engine_->OnRoom();
  EXPECT_EQ(runner_.Await(1).id(), "high");
  runner_.End(1, FakeResult());
  AwaitEnded(2);
  engine_->OnRoom();
  EXPECT_EQ(runner_.Await(2).id(), "low");
}

TEST_F(WorkflowEngineTest, WhatMattersLessIsRefusedFirst) {
  MakeEngine({.max_running = 0, .max_pending = 10});
  for (int i = 0; i < 8; ++i) Submit();
  const auto code_of = [&](v1::TriggerPriority priority) {
    return engine_->Submit(Request({{"a"}}, priority)).status().code();
  };
  EXPECT_EQ(code_of(v1::TRIGGER_PRIORITY_LOW), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code_of(v1::TRIGGER_PRIORITY_NORMAL), absl::StatusCode::kOk);
  EXPECT_EQ(code_of(v1::TRIGGER_PRIORITY_NORMAL), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code_of(v1::TRIGGER_PRIORITY_CRITICAL), absl::StatusCode::kOk);
  EXPECT_EQ(code_of(v1::TRIGGER_PRIORITY_CRITICAL), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(engine_->statistics().refused, 3u);
}

TEST_F(WorkflowEngineTest, TriesAgainWhatMayPassAndWaitsLongerEachTime) {
  MakeEngine();
  Submit();
  for (size_t attempt = 0; attempt < 3; ++attempt) {
    runner_.End(attempt, absl::UnavailableError("away"));
    AwaitStage(0, attempt + 1, v1::STAGE_STATUS_QUEUED);
    Advance(absl::Seconds(2 << attempt));
    runner_.Await(attempt + 1);
  }
  EXPECT_EQ(runner_.attempts(), 4u);
  runner_.End(3, absl::UnavailableError("still away"));
  const ExecutionPtr ended = AwaitEnded(1)[0];
  EXPECT_EQ(ended->status(), v1::EXECUTION_STATUS_FAILED);
  EXPECT_EQ(StageOf(ended, 0), v1::STAGE_STATUS_FAILED);
  EXPECT_EQ(ended->stages(0).attempts(), 4u);
  EXPECT_THAT(ended->error(), HasSubstr("still away"));
  EXPECT_EQ(engine_->statistics().retries, 3u);
}

TEST_F(WorkflowEngineTest, WhatCannotPassFailsAtOnce) {
  MakeEngine();
  Submit();
  runner_.End(0, absl::NotFoundError("no such process"));
  EXPECT_EQ(StageOf(AwaitEnded(1)[0], 0), v1::STAGE_STATUS_FAILED);
  EXPECT_EQ(runner_.attempts(), 1u);
}

TEST_F(WorkflowEngineTest, NonsenseIsAFailureThatSaysWhatIsWrong) {
  MakeEngine();
  const auto error_of = [&](size_t i, const v1::AnalysisResult& result) {
    Submit();
    runner_.End(i, result);
    return AwaitEnded(i + 1)[i]->stages(0).error();
  };
  v1::AnalysisResult result = FakeResult();
  result.set_confidence(7);
  EXPECT_THAT(error_of(0, result), HasSubstr("result.confidence is 7, not 0 to 1"));
  result.set_confidence(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(error_of(1, result), HasSubstr("result.confidence is nan"));
  result = FakeResult();
  result.clear_verdict();
  EXPECT_THAT(error_of(2, result), HasSubstr("result.verdict is 0"));
  result = FakeResult();
  (*result.mutable_result()->mutable_fields())["a"].set_string_value(std::string(70'000, 'x'));
  EXPECT_THAT(error_of(3, result), HasSubstr("result is longer than 65536 bytes"));
}

TEST_F(WorkflowEngineTest, AStageThatNeverAnswersTimesOutAndItsAnswerIsIgnored) {
  MakeEngine();
  Submit();
  runner_.Await(0);
  Advance(kDefaultStageTimeout);
  const ExecutionPtr ended = AwaitEnded(1)[0];
  EXPECT_EQ(StageOf(ended, 0), v1::STAGE_STATUS_TIMED_OUT);
  EXPECT_EQ(ended->status(), v1::EXECUTION_STATUS_FAILED);
  EXPECT_EQ(runner_.cancelled(), 1u);
  runner_.End(0, FakeResult());
  Submit();
  runner_.End(1, FakeResult());
  AwaitEnded(2);
  EXPECT_EQ(engine_->statistics().late_outcomes, 1u);
}

TEST_F(WorkflowEngineTest, AnExecutionEndsAtItsTimeoutWhateverItsStagesDo) {
  MakeEngine();
  v1::WorkflowExecution request = Request({{"a"}, {"b", "a"}});
  request.mutable_workflow()->mutable_timeout()->set_seconds(60);
  Submit(request);
  runner_.Await(0);
  Advance(absl::Seconds(60));
  const ExecutionPtr ended = AwaitEnded(1)[0];
  EXPECT_EQ(ended->status(), v1::EXECUTION_STATUS_TIMED_OUT);
  EXPECT_EQ(StageOf(ended, 0), v1::STAGE_STATUS_CANCELLED);
  EXPECT_EQ(StageOf(ended, 1), v1::STAGE_STATUS_CANCELLED);
}

TEST_F(WorkflowEngineTest, CancelsWhatWaitsAndWhatRunsButNotWhatHasEnded) {
  MakeEngine({.max_running = 1});
  const std::string running = Submit();
  runner_.Await(0);
  const std::string pending = Submit();
  ASSERT_EQ(engine_->Cancel(pending, "not needed"), absl::OkStatus());
  EXPECT_EQ(AwaitEnded(1)[0]->id(), pending);
  ASSERT_EQ(engine_->Cancel(running, "nor this"), absl::OkStatus());
  const auto ended = AwaitEnded(2);
  EXPECT_EQ(ended[1]->status(), v1::EXECUTION_STATUS_CANCELLED);
  EXPECT_EQ(ended[1]->error(), "nor this");
  EXPECT_EQ(runner_.cancelled(), 1u);
  ASSERT_EQ(engine_->Cancel(running, "again"), absl::OkStatus());
  Submit();
  runner_.End(1, FakeResult());
  AwaitEnded(3);
  EXPECT_EQ((*engine_->Get(running))->error(), "nor this");
  EXPECT_EQ(engine_->Cancel("unknown", "").code(), absl::StatusCode::kNotFound);
}

TEST_F(WorkflowEngineTest, AStartGoesOnWithWhatWasUnfinished) {
  MakeEngine();
  const std::string id = Submit(Request({{"a"}, {"b", "a"}}));
  runner_.End(0, FakeResult("kept"));
  runner_.Await(1);
  ASSERT_EQ(engine_->AwaitKept(id), absl::OkStatus());
  engine_.reset();
  MakeEngine();
  const FakeStageRunner::Attempt again = runner_.Await(2);
  EXPECT_EQ(again.id(), "b");
  EXPECT_EQ(again.work.execution->stages(0).result().summary(), "kept");
  runner_.End(2, FakeResult());
  const ExecutionPtr ended = AwaitEnded(1)[0];
  EXPECT_EQ(ended->status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_EQ(ended->resumed(), 1u);
}

TEST_F(WorkflowEngineTest, OneThatIsFoundUnfinishedTooOftenHasFailed) {
  for (int i = 0; i < 4; ++i) {
    MakeEngine();
    if (i == 0) Submit();
    runner_.Await(i);
    engine_.reset();
  }
  MakeEngine();
  const ExecutionPtr ended = AwaitEnded(1)[0];
  EXPECT_EQ(ended->status(), v1::EXECUTION_STATUS_FAILED);
  EXPECT_EQ(ended->error(), "unfinished at 4 starts of the gateway");
}

TEST_F(WorkflowEngineTest, GoesOnWhileTheStoreFailsAndKeepsItLater) {
  MakeEngine();
  store_.FailWith(absl::ResourceExhaustedError("disk full"));
  const std::string id = Submit();
  EXPECT_THAT(std::string(engine_->AwaitKept(id).message()), HasSubstr("disk full"));
  runner_.End(0, FakeResult());
  AwaitEnded(1);
  EXPECT_THAT(engine_->statistics().store_error, HasSubstr("disk full"));
  store_.FailWith(absl::OkStatus());
  Advance(absl::Seconds(1));
  while (!engine_->AwaitKept(id).ok()) std::this_thread::yield();
  EXPECT_EQ(store_.Get(id)->status(), v1::EXECUTION_STATUS_COMPLETED);
}

TEST_F(WorkflowEngineTest, TellsEachChangeInOrder) {
  MakeEngine();
  Submit();
  runner_.End(0, FakeResult());
  AwaitEnded(1);
  engine_->SetListener(nullptr);
  base::MutexLock lock(mu_);
  std::vector<uint64_t> revisions;
  for (const ExecutionPtr& execution : told_) revisions.push_back(execution->revision());
  EXPECT_GE(revisions.size(), 2u);
  EXPECT_TRUE(std::ranges::is_sorted(revisions));
  EXPECT_EQ(told_.back()->status(), v1::EXECUTION_STATUS_COMPLETED);
}

}  // namespace
}  // namespace daemoneye::analysis
