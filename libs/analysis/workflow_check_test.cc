#include "libs/analysis/workflow_check.h"

#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::analysis {
namespace {

v1::WorkflowStage& AddStage(v1::Workflow& workflow, const std::string& id,
                            const std::vector<std::string>& depends_on = {}) {
  v1::WorkflowStage& stage = *workflow.add_stages();
  stage.set_id(id);
  stage.set_kind(v1::WORKFLOW_STAGE_KIND_ENRICHMENT);
  for (const std::string& name : depends_on) stage.add_depends_on(name);
  return stage;
}

// a, b after a, c after both.
v1::Workflow Good() {
  v1::Workflow workflow;
  workflow.set_id("look-closer");
  AddStage(workflow, "a").set_optional(true);
  AddStage(workflow, "b", {"a"});
  AddStage(workflow, "c", {"a", "b"});
  return workflow;
}

TEST(CheckWorkflowTest, AcceptsWhatIsRight) {
  EXPECT_EQ(CheckWorkflow(Good(), true), absl::OkStatus());
  v1::Workflow nameless = Good();
  nameless.clear_id();
  EXPECT_EQ(CheckWorkflow(nameless, false), absl::OkStatus());
}

struct Mistake {
  const char* what;
  std::function<void(v1::Workflow&)> make;
};

TEST(CheckWorkflowTest, NamesWhatIsWrongAndWhere) {
  const Mistake mistakes[] = {
      {"id: must be 1 to 128 of letters, digits and ._-", [](v1::Workflow& w) { w.set_id("a b"); }},
      {"stages: 1 to 64 are needed", [](v1::Workflow& w) { w.clear_stages(); }},
      {"stages: 1 to 64 are needed",
       [](v1::Workflow& w) {
         for (int i = 0; i < 62; ++i) AddStage(w, "s" + std::to_string(i));
       }},
      {"stages[1].id: must be 1 to 128 of letters, digits and ._-",
       [](v1::Workflow& w) { w.mutable_stages(1)->clear_id(); }},
      {"stages[1].id: \"a\" is that of stages[0] already",
       [](v1::Workflow& w) { w.mutable_stages(1)->set_id("a"); }},
      {"stages[0].kind: must be COLLECTION, ENRICHMENT, DETECTION, ALERTING or ANALYSIS",
       [](v1::Workflow& w) { w.mutable_stages(0)->clear_kind(); }},
      {"stages[2].depends_on[0]: no stage is named \"x\"",
       [](v1::Workflow& w) { w.mutable_stages(2)->set_depends_on(0, "x"); }},
      {"stages[2].depends_on[1]: \"a\" is there twice",
       [](v1::Workflow& w) { w.mutable_stages(2)->set_depends_on(1, "a"); }},
      {"stages[1].depends_on[0]: a stage cannot wait for itself",
       [](v1::Workflow& w) { w.mutable_stages(1)->set_depends_on(0, "b"); }},
      {"stages[1].depends_on: a cycle: b waits for c waits for b",
       [](v1::Workflow& w) { w.mutable_stages(1)->add_depends_on("c"); }},
      {"stages[2].required[0]: \"x\" is not in depends_on",
       [](v1::Workflow& w) { w.mutable_stages(2)->add_required("x"); }},
      {"stages[0].analyzer: goes with ANALYSIS and DETECTION only",
       [](v1::Workflow& w) { w.mutable_stages(0)->set_analyzer("binary-hasher"); }},
      {"stages[0].analyzer: is needed with ANALYSIS",
       [](v1::Workflow& w) { w.mutable_stages(0)->set_kind(v1::WORKFLOW_STAGE_KIND_ANALYSIS); }},
      {"stages[0]: has the settings of another kind of stage",
       [](v1::Workflow& w) { w.mutable_stages(0)->mutable_detection(); }},
      {"stages[0].timeout: must be 100 ms to 1 h",
       [](v1::Workflow& w) { w.mutable_stages(0)->mutable_timeout()->set_seconds(3601); }},
      {"stages[0].max_retries: must be 0 to 10",
       [](v1::Workflow& w) { w.mutable_stages(0)->set_max_retries(11); }},
      {"timeout: must be 1 s to 24 h", [](v1::Workflow& w) { w.mutable_timeout()->set_nanos(1); }},
  };
  for (const Mistake& mistake : mistakes) {
    v1::Workflow workflow = Good();
    mistake.make(workflow);
    const absl::Status status = CheckWorkflow(workflow, true);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << mistake.what;
    EXPECT_EQ(status.message(), mistake.what);
  }
}

TEST(CheckWorkflowTest, NamesTheCycleAndNotWhatWaitsForIt) {
  v1::Workflow workflow;
  workflow.set_id("w");
  AddStage(workflow, "behind", {"one"});
  AddStage(workflow, "one", {"two"});
  AddStage(workflow, "two", {"three"});
  AddStage(workflow, "three", {"one"});
  EXPECT_EQ(CheckWorkflow(workflow, true).message(),
            "stages[1].depends_on: a cycle: one waits for two waits for three waits for one");
}

TEST(CheckTargetTest, RefusesWhatNobodyCouldLookAt) {
  const auto check = [](const std::string& path) {
    v1::AnalysisTarget target;
    target.set_path(path);
    return std::string(CheckTarget(target).message());
  };
  EXPECT_EQ(check("/usr/bin/true"), "");
  EXPECT_EQ(check("/usr/..bin/..."), "");
  EXPECT_EQ(check(""), "target: needs one of process_key, pid and path");
  EXPECT_EQ(check("bin/true"), "target.path: must be absolute");
  EXPECT_EQ(check("/usr/../etc/shadow"), "target.path: must not have \"..\" elements");
  EXPECT_EQ(check("/usr/.."), "target.path: must not have \"..\" elements");
  EXPECT_EQ(check(std::string("/a\0b", 4)), "target.path: has a zero byte");
  EXPECT_EQ(check("/" + std::string(4096, 'a')), "target.path: longer than 4096 bytes");
}

}  // namespace
}  // namespace daemoneye::analysis
