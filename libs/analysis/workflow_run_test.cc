#include "libs/analysis/workflow_run.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::analysis {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

struct StageSpec {
  std::string id;
  std::vector<std::string> depends_on;
  bool optional = false;
  std::vector<std::string> required;
};

v1::WorkflowExecution Execution(const std::vector<StageSpec>& stages) {
  v1::WorkflowExecution execution;
  for (const StageSpec& spec : stages) {
    v1::WorkflowStage& stage = *execution.mutable_workflow()->add_stages();
    stage.set_id(spec.id);
    stage.set_optional(spec.optional);
    for (const std::string& name : spec.depends_on) stage.add_depends_on(name);
    for (const std::string& name : spec.required) stage.add_required(name);
  }
  return execution;
}

WorkflowRun Started(const std::vector<StageSpec>& stages) {
  WorkflowRun run(Execution(stages));
  run.Start(kNow);
  return run;
}

void Complete(WorkflowRun& run, int stage) {
  run.OnAttempt(stage);
  run.OnCompleted(stage, {}, kNow);
}

void Fail(WorkflowRun& run, int stage) {
  run.OnAttempt(stage);
  run.OnFailed(stage, v1::STAGE_STATUS_FAILED, "broken", kNow);
}

TEST(WorkflowRunTest, StagesThatWaitForNothingStartAtOnceAndOthersAfterThem) {
  WorkflowRun run = Started({{"a"}, {"b"}, {"c", {"a", "b"}}});
  EXPECT_THAT(run.TakeReady(kNow), ElementsAre(0, 1));
  EXPECT_THAT(run.TakeReady(kNow), IsEmpty());
  Complete(run, 0);
  EXPECT_THAT(run.TakeReady(kNow), IsEmpty());
  Complete(run, 1);
  EXPECT_THAT(run.TakeReady(kNow), ElementsAre(2));
  EXPECT_NEAR(run.execution().progress(), 2 / 3.0, 1e-9);
  Complete(run, 2);
  EXPECT_EQ(run.execution().status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_TRUE(run.execution().completeness().complete());
  EXPECT_EQ(run.execution().progress(), 1);
}

TEST(WorkflowRunTest, NothingStartsBeforeTheExecutionDoes) {
  WorkflowRun run(Execution({{"a"}}));
  EXPECT_EQ(run.execution().status(), v1::EXECUTION_STATUS_PENDING);
  EXPECT_THAT(run.TakeReady(kNow), IsEmpty());
}

TEST(WorkflowRunTest, AFailedStageSkipsWhatDependsOnItAndTheOthersGoOn) {
  WorkflowRun run = Started({{"a"}, {"b"}, {"after-a", {"a"}}, {"later", {"after-a"}}});
  run.TakeReady(kNow);
  Fail(run, 0);
  EXPECT_EQ(run.state(2).status(), v1::STAGE_STATUS_SKIPPED);
  EXPECT_EQ(run.state(3).status(), v1::STAGE_STATUS_SKIPPED);
  EXPECT_FALSE(run.has_ended());
  Complete(run, 1);
  EXPECT_EQ(run.execution().status(), v1::EXECUTION_STATUS_FAILED);
  EXPECT_EQ(run.execution().error(), "stage a: broken");
  EXPECT_THAT(run.execution().completeness().reasons(), ElementsAre("stage a: FAILED: broken"));
}

TEST(WorkflowRunTest, AnErrorThatIsNotUtf8CanBeReadAgain) {
  WorkflowRun run = Started({{"a", {}}});
  run.TakeReady(kNow);
  run.OnAttempt(0);
  run.OnFailed(0, v1::STAGE_STATUS_FAILED, "bad \xff\n" + std::string(5'000, 'x'), kNow);
  v1::WorkflowExecution again;
  ASSERT_TRUE(again.ParseFromString(run.execution().SerializeAsString()));
  EXPECT_EQ(again.stages(0).error().substr(0, 9), "bad \\xff\n");
  EXPECT_LE(again.stages(0).error().size(), 1'024u);
}

TEST(WorkflowRunTest, SaysOnceWhatStagesRepeat) {
  WorkflowRun run = Started({{"a", {}}, {"b", {"a"}}, {"c", {"b"}}});
  const auto complete = [&run](int i, const char* reason) {
    run.TakeReady(kNow);
    run.OnAttempt(i);
    v1::AnalysisResult result;
    result.mutable_completeness()->add_reasons(reason);
    run.OnCompleted(i, result, kNow);
  };
  complete(0, "a monitor is away");
  complete(1, "stage a: a monitor is away");
  complete(2, "the store is young");
  EXPECT_THAT(run.execution().completeness().reasons(),
              ElementsAre("stage a: a monitor is away", "stage c: the store is young"));
}

TEST(WorkflowRunTest, AnOptionalStagesFailureSkipsOnlyThoseThatRequireIt) {
  WorkflowRun run =
      Started({{"hash", {}, true}, {"detect", {"hash"}}, {"compare", {"hash"}, false, {"hash"}}});
  run.TakeReady(kNow);
  Fail(run, 0);
  EXPECT_EQ(run.state(2).status(), v1::STAGE_STATUS_SKIPPED);
  EXPECT_THAT(run.TakeReady(kNow), ElementsAre(1));
  Complete(run, 1);
  EXPECT_EQ(run.execution().status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_FALSE(run.execution().completeness().complete());
}

TEST(WorkflowRunTest, CancelEndsEveryStageThatHasNotEndedAndNothingAfter) {
  WorkflowRun run = Started({{"a"}, {"b"}, {"c", {"b"}}});
  run.TakeReady(kNow);
  Complete(run, 0);
  run.OnAttempt(1);
  run.End(v1::EXECUTION_STATUS_CANCELLED, "no need", kNow);
  EXPECT_EQ(run.state(0).status(), v1::STAGE_STATUS_COMPLETED);
  EXPECT_EQ(run.state(1).status(), v1::STAGE_STATUS_CANCELLED);
  EXPECT_EQ(run.state(2).status(), v1::STAGE_STATUS_CANCELLED);
  EXPECT_EQ(run.execution().status(), v1::EXECUTION_STATUS_CANCELLED);
  EXPECT_EQ(run.execution().error(), "no need");
  EXPECT_THAT(run.TakeReady(kNow), IsEmpty());
}

TEST(WorkflowRunTest, OneThatIsTakenUpAgainKeepsWhatHasCompleted) {
  WorkflowRun run = Started({{"a"}, {"b", {"a"}}});
  run.TakeReady(kNow);
  Complete(run, 0);
  run.TakeReady(kNow);
  run.OnAttempt(1);
  WorkflowRun again(run.execution());
  again.Start(kNow);
  EXPECT_THAT(again.TakeReady(kNow), ElementsAre(1));
  Complete(again, 1);
  EXPECT_EQ(again.execution().status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_EQ(again.state(1).attempts(), 2u);
}

TEST(WorkflowRunTest, EveryChangeHasARevisionOfItsOwn) {
  WorkflowRun run(Execution({{"a"}}));
  uint64_t last = run.execution().revision();
  const auto has_grown = [&] {
    return run.execution().revision() > std::exchange(last, run.execution().revision());
  };
  run.Start(kNow);
  EXPECT_TRUE(has_grown());
  run.TakeReady(kNow);
  EXPECT_TRUE(has_grown());
  run.OnAttempt(0);
  EXPECT_TRUE(has_grown());
  run.OnRetry(0, "busy");
  EXPECT_TRUE(has_grown());
  EXPECT_EQ(run.state(0).status(), v1::STAGE_STATUS_QUEUED);
  EXPECT_EQ(run.state(0).error(), "busy");
  Complete(run, 0);
  EXPECT_TRUE(has_grown());
  EXPECT_EQ(run.state(0).error(), "");
}

}  // namespace
}  // namespace daemoneye::analysis
