#include "services/collector_gateway/workflow_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "libs/config/fake_input.h"
#include "services/collector_gateway/gateway_options.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<WorkflowConfig> Read(const std::string& yaml) {
  const absl::StatusOr<config::Config> config = config::Config::Load(
      GatewayOptions(), config::FakeInput({"--config=/f"}, {}, {{"/f", yaml}}));
  if (!config.ok()) return config.status();
  return ReadWorkflowConfig(*config);
}

TEST(WorkflowConfigTest, ReadsTheMessagesOfTheApi) {
  const absl::StatusOr<WorkflowConfig> config = Read(R"(
default_workflows: false
workflows:
- id: a
  timeout: 90s
  stages:
  - id: hash
    kind: ANALYSIS
    analyzer: binary-hasher
    analysis_type: BINARY_HASH
    optional: true
  - id: alert
    kind: ALERTING
    depends_on: [hash]
    alerting: {severity: HIGH, attack_ids: [T1059]}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->workflows.size(), 1u);
  const v1::Workflow& a = config->workflows.at("a");
  EXPECT_EQ(a.managed_by(), v1::TRIGGER_MANAGER_FILE);
  EXPECT_EQ(a.timeout().seconds(), 90);
  ASSERT_EQ(a.stages_size(), 2);
  EXPECT_EQ(a.stages(0).analysis_type(), v1::ANALYSIS_TYPE_BINARY_HASH);
  EXPECT_TRUE(a.stages(0).optional());
  EXPECT_THAT(a.stages(1).depends_on(), ElementsAre("hash"));
  EXPECT_EQ(a.stages(1).alerting().severity(), v1::SEVERITY_HIGH);
  EXPECT_EQ(config->paths.at("a"), "workflows[0]");
}

TEST(WorkflowConfigTest, TheFirstMistakeRefusesTheWholeAndNamesItsPlace) {
  const std::string good = "{id: x, kind: ALERTING}";
  const std::pair<std::string, const char*> cases[] = {
      {"[{id: a, stages: [{id: p, kind: ALERTING, depends_on: [q]}, "
       "{id: q, kind: ALERTING, depends_on: [p]}]}]",
       "workflows[0].stages[0].depends_on: a cycle: p waits for q waits for p"},
      {"[{id: a, stages: [{id: p, kind: ALERTING, depends_on: [p]}]}]",
       "workflows[0].stages[0].depends_on[0]: a stage cannot wait for itself"},
      {"[{id: a, stages: [" + good + "]}, {id: b, stages: [" + good +
           ", {id: y, kind: ALERTING, depends_on: [x, z]}]}]",
       "workflows[1].stages[1].depends_on[1]: no stage is named \"z\""},
      {"[{id: a, stages: [" + good + ", " + good + "]}]", "workflows[0].stages[1].id: \"x\" is"},
      {"[{id: a, stages: [" + good + "]}, {id: a, stages: [" + good + "]}]",
       "workflows[1].id: a is the id of workflows[0], too"},
      {"[{id: a, stages: [{id: x, kind: ALERTNG}]}]", "workflows[0].stages[0].kind: "},
      {"[{id: a, stages: [{id: x}]}]", "workflows[0].stages[0].kind: must be COLLECTION"},
      {"[{id: a, stages: [{id: x, kind: ALERTING, collection: {}}]}]",
       "workflows[0].stages[0]: has the settings of another kind"},
      {"[{id: a, stages: [{id: x, kind: ALERTING, collection: {}, alerting: {}}]}]",
       "workflows[0].stages[0]"},
      {"[{id: a, stages: [{id: x, kind: ANALYSIS, analysis_type: BINARY_HASH}]}]",
       "workflows[0].stages[0].analyzer: is needed"},
      {"[{id: a, stages: [{id: x, kind: ALERTING, timeout: 2h}]}]",
       "workflows[0].stages[0].timeout: "},
      {"[{id: a, stages: [{id: x, kind: ALERTING, timeot: 2s}]}]",
       "workflows[0].stages[0].timeot: unknown field (did you mean timeout?)"},
      {"[{id: a, stages: [{id: x, kind: ENRICHMENT, enrichment: {add: [USER, USER]}}]}]",
       "workflows[0].stages[0].enrichment.add[1]: ENRICHMENT_USER is there twice"},
      {"[{id: a, stages: [{id: x, kind: ENRICHMENT, enrichment: {add: [UNSPECIFIED]}}]}]",
       "workflows[0].stages[0].enrichment.add[0]: "},
      {"[{id: a, stages: [{id: x, kind: ALERTING, alerting: {attack_ids: [\"\"]}}]}]",
       "workflows[0].stages[0].alerting.attack_ids[0]: must be 1"},
      {"[{id: a, stages: [{id: x, kind: COLLECTION, collection: {monitors: [\"\"]}}]}]",
       "workflows[0].stages[0].collection.monitors[0]: must be 1"},
      {"[{id: 'a b', stages: [" + good + "]}]", "workflows[0].id: must be"},
      {"[{id: a}]", "workflows[0].stages: "},
      {"[{id: a, managed_by: API, stages: [" + good + "]}]", "workflows[0].managed_by: is set by"},
      {"{a: b}", "workflows: wants a list"},
  };
  for (const auto& [yaml, error] : cases) {
    EXPECT_THAT(Read("workflows: " + yaml).status().message(), HasSubstr(error)) << yaml;
  }
}

TEST(WorkflowConfigTest, WhatIsQuotedIsFitToPrintAndBounded) {
  const std::string name = std::string(5'000, 'n') + "\\x1b[2J";
  const absl::Status status =
      Read("workflows: [{id: a, stages: [{id: x, kind: ALERTING, depends_on: [\"" + name +
           "\"]}]}]")
          .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\x1b")));
  EXPECT_LT(status.message().size(), 2'000u);
}

TEST(WorkflowConfigTest, AWorkflowIsBounded) {
  std::string stages;
  for (int i = 0; i < 3; ++i) {
    stages += "{id: s" + std::to_string(i) + ", kind: DETECTION, detection: {sql: \"" +
              std::string(60'000, 'x') + "\"}},";
  }
  EXPECT_THAT(Read("workflows: [{id: a, stages: [" + stages + "]}]").status().message(),
              HasSubstr("workflows[0].stages: the workflow is larger than"));
}

TEST(WorkflowConfigTest, TheDefaultOneGoesFromCollectionToAlertWithAHashBeside) {
  const std::vector<v1::Workflow> workflows = DefaultWorkflows().value();
  ASSERT_EQ(workflows.size(), 1u);
  EXPECT_EQ(workflows[0].id(), "investigate");
  EXPECT_FALSE(workflows[0].description().empty());
  std::vector<v1::WorkflowStageKind> kinds;
  for (const v1::WorkflowStage& stage : workflows[0].stages()) {
    kinds.push_back(stage.kind());
    EXPECT_EQ(stage.optional(), stage.id() == "hash" || stage.id() == "collect") << stage.id();
    EXPECT_TRUE(stage.has_timeout()) << stage.id();
    // Nothing that is optional may keep the alert from being raised.
    EXPECT_TRUE(stage.required().empty()) << stage.id();
  }
  EXPECT_THAT(kinds,
              ElementsAre(v1::WORKFLOW_STAGE_KIND_COLLECTION, v1::WORKFLOW_STAGE_KIND_ANALYSIS,
                          v1::WORKFLOW_STAGE_KIND_ENRICHMENT, v1::WORKFLOW_STAGE_KIND_DETECTION,
                          v1::WORKFLOW_STAGE_KIND_ALERTING));
  EXPECT_THAT(workflows[0].stages(3).depends_on(), ElementsAre("enrich", "hash"));
}

TEST(WorkflowConfigTest, TheReadmesExampleIsRight) {
  std::stringstream readme;
  readme << std::ifstream("README.md").rdbuf();
  const std::string text = readme.str();
  const size_t begin = text.find("\nworkflows:\n");
  ASSERT_NE(begin, std::string::npos);
  const absl::StatusOr<WorkflowConfig> config =
      Read(text.substr(begin, text.find("```", begin) - begin));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->workflows.size(), 2u);
}

TEST(WorkflowConfigTest, TheDefaultOnesCanBeTurnedOffAndReplaced) {
  EXPECT_TRUE(Read("")->workflows.contains("investigate"));
  EXPECT_TRUE(Read("default_workflows: false")->workflows.empty());
  const WorkflowConfig config =
      Read("workflows: [{id: investigate, stages: [{id: only, kind: ALERTING}]}]").value();
  ASSERT_EQ(config.workflows.size(), 1u);
  EXPECT_EQ(config.workflows.at("investigate").stages(0).id(), "only");
}

}  // namespace
}  // namespace daemoneye::gateway
