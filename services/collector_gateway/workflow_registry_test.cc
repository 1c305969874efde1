#include "services/collector_gateway/workflow_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"
#include "libs/base/fake_clock.h"
#include "libs/config/fake_input.h"
#include "libs/storage/fake_execution_store.h"
#include "services/collector_gateway/gateway_options.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Workflow Workflow(const std::string& id, const std::string& description = "") {
  v1::Workflow workflow;
  workflow.set_id(id);
  workflow.set_description(description);
  v1::WorkflowStage& stage = *workflow.add_stages();
  stage.set_id("alert");
  stage.set_kind(v1::WORKFLOW_STAGE_KIND_ALERTING);
  return workflow;
}

WorkflowConfig File(const std::vector<v1::Workflow>& workflows) {
  WorkflowConfig config;
  for (const v1::Workflow& workflow : workflows) {
    config.workflows[workflow.id()] = workflow;
    config.workflows[workflow.id()].set_managed_by(v1::TRIGGER_MANAGER_FILE);
  }
  return config;
}

class WorkflowRegistryTest : public ::testing::Test {
 protected:
  WorkflowRegistryPorts Ports() {
    return {.clock = clock_,
            .store = &store_,
            .check_stage = [this](const v1::WorkflowStage& /*stage*/) { return stage_status_; },
            .trigger_using =
                [this](std::string_view id) {
                  return id == used_ ? std::string("web-shell") : std::string();
                }};
  }
  std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    for (const auto& workflow : registry_.List("", 1000)) ids.push_back(workflow->id());
    return ids;
  }

  base::FakeClock clock_;
  storage::FakeExecutionStore store_;
  absl::Status stage_status_;
  std::string used_;
  WorkflowRegistry registry_{Ports()};
};

TEST_F(WorkflowRegistryTest, WhatIsMadeIsKeptOverARestart) {
  ASSERT_TRUE(registry_.Load(File({Workflow("f")})).ok());
  const v1::Workflow made = registry_.Create(Workflow("a", "mine")).value();
  EXPECT_EQ(made.managed_by(), v1::TRIGGER_MANAGER_API);
  EXPECT_EQ(made.updated_at().seconds(), absl::ToUnixSeconds(clock_.Now()));
  EXPECT_THAT(Ids(), ElementsAre("a", "f"));

  WorkflowRegistry again(Ports());
  ASSERT_TRUE(again.Load(File({})).ok());
  ASSERT_NE(again.Find("a"), nullptr);
  EXPECT_EQ(again.Find("a")->SerializeAsString(), made.SerializeAsString());
  EXPECT_EQ(again.Find("f"), nullptr);
}

TEST_F(WorkflowRegistryTest, TheApisCountsBeforeTheFiles) {
  ASSERT_TRUE(registry_.Create(Workflow("a", "api")).ok());
  registry_.Reload(File({Workflow("a", "file"), Workflow("b", "file")}));
  EXPECT_EQ(registry_.Find("a")->description(), "api");
  EXPECT_THAT(Ids(), ElementsAre("a", "b"));
  used_ = "a";  // the file's takes its place
  ASSERT_TRUE(registry_.Delete("a").ok());
  EXPECT_EQ(registry_.Find("a")->description(), "file");
  EXPECT_EQ(registry_.Find("a")->managed_by(), v1::TRIGGER_MANAGER_FILE);
}

TEST_F(WorkflowRegistryTest, AReloadTakesTheWholeFileOver) {
  ASSERT_TRUE(registry_.Load(File({Workflow("a"), Workflow("b")})).ok());
  const auto before = registry_.Find("b");
  clock_.Advance(absl::Seconds(5));
  registry_.Reload(File({Workflow("b"), Workflow("c")}));
  EXPECT_THAT(Ids(), ElementsAre("b", "c"));
  EXPECT_EQ(registry_.Find("b")->updated_at().seconds(), before->updated_at().seconds());
  EXPECT_GT(registry_.Find("c")->updated_at().seconds(), before->updated_at().seconds());
}

TEST_F(WorkflowRegistryTest, RefusesWhatIsWrongAndKeepsNothing) {
  ASSERT_TRUE(registry_.Load(File({Workflow("file")})).ok());
  v1::Workflow cycle = Workflow("c");
  cycle.mutable_stages(0)->add_depends_on("alert");
  EXPECT_THAT(registry_.Create(cycle).status().message(),
              HasSubstr("workflow.stages[0].depends_on[0]: "));
  EXPECT_TRUE(absl::IsAlreadyExists(registry_.Create(Workflow("file")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(registry_.Create(Workflow("")).status()));
  stage_status_ = absl::FailedPreconditionError("x\x1b cannot do BINARY_HASH");
  const absl::Status refused = registry_.Create(Workflow("a")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_EQ(refused.message(), "workflow.stages[0]: x\\x1b cannot do BINARY_HASH");
  stage_status_ = absl::OkStatus();
  store_.FailWith(absl::ResourceExhaustedError("the disk is full"));
  EXPECT_TRUE(absl::IsResourceExhausted(registry_.Create(Workflow("a")).status()));
  EXPECT_THAT(Ids(), ElementsAre("file"));
  EXPECT_THAT(store_.ListWorkflows().value(), IsEmpty());
}

TEST_F(WorkflowRegistryTest, TheFilesAndWhatATriggerNamesStay) {
  ASSERT_TRUE(registry_.Load(File({Workflow("file")})).ok());
  ASSERT_TRUE(registry_.Create(Workflow("a")).ok());
  used_ = "a";
  const absl::Status used = registry_.Delete("a");
  EXPECT_TRUE(absl::IsFailedPrecondition(used));
  EXPECT_THAT(std::string(used.message()), HasSubstr("trigger web-shell names"));
  EXPECT_TRUE(absl::IsFailedPrecondition(registry_.Delete("file")));
  EXPECT_TRUE(absl::IsNotFound(registry_.Delete("none")));
  used_ = "";
  EXPECT_TRUE(registry_.Delete("a").ok());
  EXPECT_EQ(registry_.Find("a"), nullptr);
  EXPECT_THAT(store_.ListWorkflows().value(), IsEmpty());
}

TEST_F(WorkflowRegistryTest, AStoredOneThatIsRefusedNowIsKeptAndTold) {
  v1::Workflow bad = Workflow("bad");
  bad.mutable_stages(0)->add_depends_on("gone");
  ASSERT_TRUE(store_.PutWorkflow(bad).ok());
  ASSERT_TRUE(registry_.Load(File({})).ok());
  EXPECT_THAT(Ids(), ElementsAre("bad"));
  EXPECT_EQ(registry_.Find("bad"), nullptr);
  EXPECT_TRUE(absl::IsFailedPrecondition(registry_.Get("bad").status()));
  EXPECT_THAT(registry_.Problems(), ElementsAre(HasSubstr("workflow bad: stages[0].depends_on")));
  ASSERT_TRUE(registry_.Delete("bad").ok());
  EXPECT_THAT(registry_.Problems(), IsEmpty());
}

// A store whose disk is full at the start cannot be read.
class UnreadableStore final : public storage::ExecutionStore {
 public:
  explicit UnreadableStore(storage::ExecutionStore& store) : store_(store) {}
  absl::Status status = absl::ResourceExhaustedError("the disk is full");

  absl::StatusOr<std::vector<v1::Workflow>> ListWorkflows() const override {
    if (!status.ok()) return status;
    return store_.ListWorkflows();
  }
  absl::Status PutWorkflow(const v1::Workflow& w) override { return store_.PutWorkflow(w); }
  absl::Status DeleteWorkflow(std::string_view id) override { return store_.DeleteWorkflow(id); }
  absl::Status Save(std::span<const v1::WorkflowExecution* const> e) override {
    return store_.Save(e);
  }
  absl::StatusOr<v1::WorkflowExecution> Get(std::string_view id) const override {
    return store_.Get(id);
  }
  absl::StatusOr<std::vector<storage::StoredExecution>> List(
      const storage::ExecutionQuery& query) const override {
    return store_.List(query);
  }
  absl::StatusOr<std::vector<v1::WorkflowExecution>> Unfinished() const override {
    return store_.Unfinished();
  }
  absl::StatusOr<uint64_t> Prune(absl::Time before, uint64_t max_kept, size_t max) override {
    return store_.Prune(before, max_kept, max);
  }

 private:
  storage::ExecutionStore& store_;
};

TEST_F(WorkflowRegistryTest, AStoreThatOpensLateIsReadThen) {
  ASSERT_TRUE(store_.PutWorkflow(Workflow("stored")).ok());
  UnreadableStore late(store_);
  WorkflowRegistry registry({.clock = clock_, .store = &late});
  ASSERT_TRUE(registry.Load(File({Workflow("file")})).ok());
  EXPECT_EQ(registry.Find("stored"), nullptr);
  EXPECT_NE(registry.Find("file"), nullptr);
  EXPECT_THAT(registry.Problems(), ElementsAre(HasSubstr("the disk is full")));
  // It might be the id of one that is stored.
  EXPECT_TRUE(absl::IsUnavailable(registry.Create(Workflow("stored")).status()));
  late.status = absl::OkStatus();
  ASSERT_TRUE(registry.LoadStored().ok());
  EXPECT_NE(registry.Find("stored"), nullptr);
  EXPECT_THAT(registry.Problems(), IsEmpty());
  late.status = absl::DataLossError("does not parse");
  EXPECT_TRUE(absl::IsDataLoss(WorkflowRegistry({.clock = clock_, .store = &late}).Load(File({}))));
}

TEST_F(WorkflowRegistryTest, IsBounded) {
  WorkflowRegistry registry({.clock = clock_});
  for (size_t i = 0; i < WorkflowRegistry::kMaxWorkflows; ++i) {
    ASSERT_TRUE(registry.Create(Workflow(fmt::format("w{}", i))).ok()) << i;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(registry.Create(Workflow("more")).status()));
}

TEST_F(WorkflowRegistryTest, AnInlineOneNeedsNoId) {
  v1::Workflow workflow = Workflow("");
  workflow.set_managed_by(v1::TRIGGER_MANAGER_FILE);  // the server's field, ignored
  EXPECT_TRUE(registry_.CheckInline(workflow).ok());
  stage_status_ = absl::UnavailableError("has not answered yet");
  EXPECT_TRUE(absl::IsUnavailable(registry_.CheckInline(workflow)));
}

TEST(CheckWorkflowsTest, AsksForEachStageOfTheFile) {
  const auto check = [](const std::string& yaml) {
    const auto config = config::Config::Load(
        GatewayOptions(), config::FakeInput({"--config=/f"}, {}, {{"/f", yaml}}));
    return CheckWorkflows(config.value(), [](const v1::WorkflowStage& stage) {
      return stage.detection().sql() == "SELEC 1" ? absl::InvalidArgumentError("near \"SELEC\"")
                                                  : absl::OkStatus();
    });
  };
  EXPECT_TRUE(check("").ok());
  const std::string first = "workflows: [{id: a, stages: [{id: x, kind: ALERTING}]}, {id: b, ";
  EXPECT_EQ(
      check(first + "stages: [{id: x, kind: DETECTION, detection: {sql: SELEC 1}}]}]").message(),
      "workflows[1].stages[0]: near \"SELEC\"");
  EXPECT_EQ(check(first + "stages: [{id: x, kind: DETECTION, depends_on: [x]}]}]").message(),
            "workflows[1].stages[0].depends_on[0]: a stage cannot wait for itself");
}

}  // namespace
}  // namespace daemoneye::gateway
