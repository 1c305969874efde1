#include "services/collector_gateway/execution_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "libs/analysis/fake_stage_runner.h"
#include "libs/base/fake_clock.h"
#include "libs/storage/fake_execution_store.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

v1::WorkflowExecution OneStage(const std::string& workflow_id) {
  v1::WorkflowExecution execution;
  execution.set_workflow_id(workflow_id);
  execution.mutable_target()->set_pid(1);
  execution.mutable_event()->set_sequence(7);
  v1::WorkflowStage& stage = *execution.mutable_workflow()->add_stages();
  stage.set_id("only");
  stage.set_kind(v1::WORKFLOW_STAGE_KIND_ALERTING);
  stage.set_max_retries(0);
  return execution;
}

class ExecutionViewTest : public ::testing::Test {
 protected:
  ExecutionViewTest() { engine_.Start(); }
  ~ExecutionViewTest() override { engine_.Stop(); }

  std::string Submit(const std::string& workflow_id = "w") {
    clock_.Advance(absl::Seconds(1));
    return (*engine_.Submit(OneStage(workflow_id)))->id();
  }
  // Runs one to its end.
  std::string Run(const std::string& workflow_id = "w") {
    const size_t attempt = runner_.attempts();
    const std::string id = Submit(workflow_id);
    v1::AnalysisResult result = analysis::FakeResult("found");
    (*result.mutable_result()->mutable_fields())["a"].set_string_value("b");
    runner_.End(attempt, result);
    AwaitEnd(id);
    return id;
  }
  void AwaitEnd(const std::string& id) {
    base::MutexLock lock(mu_);
    while (!ended_.contains(id)) changed_.Wait(mu_);
  }
  std::vector<std::string> Ids(const ExecutionView& view, v1::ListExecutionsRequest request) {
    std::vector<std::string> ids;
    do {
      v1::ListExecutionsResponse page;
      const absl::Status status = view.List(request, page);
      EXPECT_TRUE(status.ok()) << status;
      if (request.page_size() > 0) {
        EXPECT_LE(page.executions_size(), request.page_size());
      }
      for (const auto& execution : page.executions()) ids.push_back(execution.id());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return ids;
  }
  static v1::ListExecutionsRequest PagesOf(int size) {
    v1::ListExecutionsRequest request;
    request.set_page_size(size);
    return request;
  }

  base::FakeClock clock_;
  analysis::FakeStageRunner runner_;
  storage::FakeExecutionStore store_;
  base::Mutex mu_;
  base::CondVar changed_;
  std::set<std::string> ended_ GUARDED_BY(mu_);
  analysis::WorkflowEngine engine_{runner_,
                                   &store_,
                                   clock_,
                                   [this](const analysis::ExecutionPtr& execution) {
                                     base::MutexLock lock(mu_);
                                     ended_.insert(execution->id());
                                     changed_.NotifyAll();
                                   },
                                   {.max_finished = 2}};
  ExecutionView view_{engine_, &store_};
};

TEST_F(ExecutionViewTest, WhatHasLeftMemoryComesFromTheStore) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(Run());
  ASSERT_TRUE(absl::IsNotFound(engine_.Get(ids[0]).status()));
  for (const std::string& id : ids) {
    const auto execution = view_.Get(id);
    ASSERT_TRUE(execution.ok()) << execution.status();
    EXPECT_EQ((*execution)->status(), v1::EXECUTION_STATUS_COMPLETED);
    EXPECT_EQ((*execution)->stages(0).result().result().fields_size(), 1);
  }
  EXPECT_TRUE(absl::IsNotFound(view_.Get("none").status()));
}

TEST_F(ExecutionViewTest, ListsTheNewestFirstPageByPageWithoutDetails) {
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) ids.insert(ids.begin(), Run());
  const size_t running = runner_.attempts();
  ids.insert(ids.begin(), Submit());
  runner_.Await(running);
  EXPECT_EQ(Ids(view_, PagesOf(0)), ids);
  EXPECT_EQ(Ids(view_, PagesOf(1)), ids);
  EXPECT_EQ(Ids(view_, PagesOf(3)), ids);
  v1::ListExecutionsResponse page;
  ASSERT_TRUE(view_.List(PagesOf(2), page).ok());
  const v1::WorkflowExecution& ended = page.executions(1);
  EXPECT_FALSE(ended.has_workflow());
  EXPECT_FALSE(ended.has_event());
  EXPECT_FALSE(ended.stages(0).result().has_result());
  EXPECT_EQ(ended.stages(0).result().summary(), "found");
}

TEST_F(ExecutionViewTest, FiltersByWorkflowAndStatus) {
  const std::string a = Run("a");
  const std::string b = Run("b");
  const size_t running = runner_.attempts();
  const std::string c = Submit("a");
  runner_.Await(running);
  v1::ListExecutionsRequest request;
  request.set_workflow_id("a");
  EXPECT_THAT(Ids(view_, request), ElementsAre(c, a));
  request.add_statuses(v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_THAT(Ids(view_, request), ElementsAre(a));
  request.clear_workflow_id();
  EXPECT_THAT(Ids(view_, request), ElementsAre(b, a));
}

TEST_F(ExecutionViewTest, WithoutAStoreWhatTheEngineRemembers) {
  const ExecutionView memory(engine_, nullptr);
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.insert(ids.begin(), Run());
  engine_.Stop();  // it has let go of what it need not remember
  EXPECT_TRUE(absl::IsNotFound(memory.Get(ids[3]).status()));
  EXPECT_THAT(Ids(memory, PagesOf(1)), ElementsAre(ids[0], ids[1]));
  EXPECT_THAT(Ids(memory, PagesOf(0)), ElementsAre(ids[0], ids[1]));
}

TEST_F(ExecutionViewTest, WhileTheStoreIsBehindTheEnginesWordCounts) {
  const std::string old = Run();
  for (int i = 0; i < 2; ++i) Run();  // forgets it
  const size_t attempt = runner_.attempts();
  const std::string running = Submit();
  runner_.Await(attempt);
  store_.FailWith(absl::ResourceExhaustedError("the disk is full"));
  runner_.End(attempt, analysis::FakeResult());
  AwaitEnd(running);
  ASSERT_EQ(store_.Get(running)->status(), v1::EXECUTION_STATUS_RUNNING);
  v1::ListExecutionsRequest request = PagesOf(1);
  request.add_statuses(v1::EXECUTION_STATUS_COMPLETED);
  const std::vector<std::string> ids = Ids(view_, request);
  ASSERT_THAT(ids, SizeIs(4));
  EXPECT_EQ(ids.front(), running);
  EXPECT_EQ(ids.back(), old);
}

TEST_F(ExecutionViewTest, ATokenOfNoPageIsRefused) {
  for (const char* token : {"x", "s", "sx", "s-1", "s1x", "m1", "mx.y", "r"}) {
    v1::ListExecutionsRequest request;
    request.set_page_token(token);
    v1::ListExecutionsResponse page;
    const absl::Status status = view_.List(request, page);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << token;
    EXPECT_THAT(std::string(status.message()), HasSubstr("page_token: "));
  }
}

TEST(FitMessageTest, LeavesOutTheLargestFindingsAndSaysSo) {
  v1::WorkflowExecution execution;
  for (int i = 0; i < 64; ++i) {
    v1::StageExecution& stage = *execution.add_stages();
    stage.set_stage_id(fmt::format("s{}", i));
    auto& fields = *stage.mutable_result()->mutable_result()->mutable_fields();
    fields["a"].set_string_value(std::string(i == 5 ? 10 : 64 << 10, 'x'));
    stage.mutable_result()->set_summary("kept");
  }
  const v1::WorkflowExecution told = FitMessage(execution);
  EXPECT_LE(told.ByteSizeLong(), kMaxExecutionBytes);
  EXPECT_GT(told.ByteSizeLong(), kMaxExecutionBytes / 2);
  EXPECT_TRUE(told.stages(5).result().has_result());
  EXPECT_EQ(told.stages(0).result().summary(), "kept");
  EXPECT_FALSE(told.completeness().complete());
  EXPECT_THAT(told.completeness().reasons(0), HasSubstr("stage s0 found in detail is left out"));
  execution.clear_stages();
  EXPECT_FALSE(FitMessage(execution).has_completeness());
}

}  // namespace
}  // namespace daemoneye::gateway
