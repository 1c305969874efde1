#include "services/collector_gateway/analyzer_stage.h"

#include <optional>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "libs/analysis/fake_analyzer.h"
#include "libs/analysis/fake_stage_runner.h"
#include "libs/base/fake_clock.h"
#include "services/collector_gateway/stage_switch.h"

namespace daemoneye::gateway {
namespace {

using analysis::FakeStageRunner;
using analysis::StageOutcome;
using analysis::StageWork;

// The stage named, of this execution.
StageWork Work(int stage, const std::string& text) {
  v1::WorkflowExecution execution;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &execution)) << text;
  return {.execution = std::make_shared<const v1::WorkflowExecution>(execution),
          .stage = stage,
          .timeout = absl::Seconds(5)};
}

constexpr char kExecution[] = R"(
    id: "e" trigger_id: "t" correlation_id: "c" priority: TRIGGER_PRIORITY_HIGH
    target { process_key: "k" pid: 7 host: "web1" }
    event { process { pid: 7 } }
    workflow {
      stages { id: "look" kind: WORKFLOW_STAGE_KIND_ENRICHMENT }
      stages { id: "hash" kind: WORKFLOW_STAGE_KIND_ANALYSIS analyzer: "hasher"
               analysis_type: ANALYSIS_TYPE_BINARY_HASH parameters { key: "p" value: "1" } } }
    stages { stage_id: "look" status: STAGE_STATUS_COMPLETED result { summary: "seen" } }
    stages { stage_id: "hash" status: STAGE_STATUS_QUEUED result { summary: "of before" } })";

TEST(AnalyzerStageTest, AsksWithTheTargetTheEventAndTheResultsOfTheStagesBefore) {
  const v1::AnalyzeRequest request = AnalyzeRequestOf(Work(1, kExecution));
  EXPECT_EQ(request.request_id(), "e/hash");
  EXPECT_EQ(request.analysis_type(), v1::ANALYSIS_TYPE_BINARY_HASH);
  EXPECT_EQ(request.priority(), v1::TRIGGER_PRIORITY_HIGH);
  EXPECT_EQ(request.target().process_key(), "k");
  EXPECT_EQ(request.context().trigger_id(), "t");
  EXPECT_EQ(request.context().execution_id(), "e");
  EXPECT_EQ(request.context().stage_id(), "hash");
  EXPECT_EQ(request.context().correlation_id(), "c");
  EXPECT_EQ(request.context().event().process().pid(), 7u);
  ASSERT_EQ(request.context().results().size(), 1u);
  EXPECT_EQ(request.context().results().at("look").summary(), "seen");
  EXPECT_EQ(request.context().parameters().at("p"), "1");
}

TEST(AnalyzerStageTest, PassesTheAnswerOn) {
  v1::NegotiateAnalysisResponse can;
  can.set_name("hasher");
  can.add_analysis_types(v1::ANALYSIS_TYPE_BINARY_HASH);
  const auto analyzer = std::make_shared<analysis::FakeAnalyzer>(can);
  base::FakeClock clock;
  analysis::AnalyzerPool pool({analyzer}, clock);
  AnalyzerStage stage(pool);
  std::optional<StageOutcome> outcome;
  const analysis::Begun begun =
      stage.Begin(Work(1, kExecution), [&](StageOutcome o) { outcome = std::move(o); });
  ASSERT_NE(begun.call, nullptr);
  EXPECT_EQ(analyzer->timeout(0), absl::Seconds(5));
  analyzer->End(0, absl::NotFoundError("no such target"));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->result.status().code(), absl::StatusCode::kNotFound);
}

TEST(StageSwitchTest, HandsAStageToWhoDoesItsKind) {
  FakeStageRunner collection;
  FakeStageRunner enrichment;
  FakeStageRunner detection;
  FakeStageRunner alerting;
  FakeStageRunner analyzer;
  StageSwitch stages({collection, enrichment, detection, alerting, analyzer});
  const std::pair<const char*, FakeStageRunner*> cases[] = {
      {"kind: WORKFLOW_STAGE_KIND_COLLECTION", &collection},
      {"kind: WORKFLOW_STAGE_KIND_ENRICHMENT", &enrichment},
      {"kind: WORKFLOW_STAGE_KIND_DETECTION", &detection},
      {"kind: WORKFLOW_STAGE_KIND_DETECTION analyzer: 'a'", &analyzer},
      {"kind: WORKFLOW_STAGE_KIND_ALERTING", &alerting},
      {"kind: WORKFLOW_STAGE_KIND_ANALYSIS analyzer: 'a'", &analyzer},
  };
  for (const auto& [stage, runner] : cases) {
    const size_t before = runner->attempts();
    stages.Begin(Work(0, "workflow { stages { " + std::string(stage) + " } }"),
                 [](const StageOutcome&) {});
    EXPECT_EQ(runner->attempts(), before + 1) << stage;
  }
}

}  // namespace
}  // namespace daemoneye::gateway
