#include "services/collector_gateway/stage_verdict.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A stage of kind ANALYSIS that completed with `result`.
constexpr char kClean[] =
    "status: STAGE_STATUS_COMPLETED result { verdict: ANALYSIS_VERDICT_CLEAN confidence: 0.9 "
    "authoritative: true }";

struct Case {
  const char* name;
  std::vector<std::string> stages;
  v1::AnalysisVerdict verdict;
  double confidence;
};

std::string Completed(const std::string& result) {
  return "status: STAGE_STATUS_COMPLETED result { " + result + " }";
}

v1::WorkflowExecution ExecutionOf(const std::vector<std::string>& stages,
                                  v1::WorkflowStageKind kind) {
  v1::WorkflowExecution execution;
  for (size_t i = 0; i < stages.size(); ++i) {
    v1::WorkflowStage& definition = *execution.mutable_workflow()->add_stages();
    definition.set_id("s" + std::to_string(i));
    definition.set_kind(kind);
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(stages[i], execution.add_stages()));
    execution.mutable_stages(static_cast<int>(i))->set_stage_id(definition.id());
  }
  return execution;
}

std::vector<int> All(const v1::WorkflowExecution& execution) {
  std::vector<int> all;
  for (int i = 0; i < execution.stages_size(); ++i) all.push_back(i);
  return all;
}

TEST(StageVerdictTest, TheWorstCountsOnceEachIsWeighed) {
  const std::string malicious = "verdict: ANALYSIS_VERDICT_MALICIOUS ";
  const std::string suspicious = "verdict: ANALYSIS_VERDICT_SUSPICIOUS ";
  const std::string clean = "verdict: ANALYSIS_VERDICT_CLEAN ";
  const std::string sure = "authoritative: true ";
  const Case cases[] = {
      {"nobody judged", {}, v1::ANALYSIS_VERDICT_UNKNOWN, 0},
      {"one is clean", {kClean}, v1::ANALYSIS_VERDICT_CLEAN, 0.9},
      {"of clean ones the least sure",
       {kClean, Completed(clean + sure + "confidence: 0.6"), kClean},
       v1::ANALYSIS_VERDICT_CLEAN,
       0.6},
      {"malicious is worse than suspicious",
       {Completed(suspicious + "confidence: 1"), Completed(malicious + sure + "confidence: 0.5")},
       v1::ANALYSIS_VERDICT_MALICIOUS,
       0.5},
      {"malicious, not authoritative",
       {Completed(malicious + "confidence: 0.9")},
       v1::ANALYSIS_VERDICT_SUSPICIOUS,
       0.9},
      {"malicious, hardly sure",
       {Completed(malicious + sure + "confidence: 0.4")},
       v1::ANALYSIS_VERDICT_SUSPICIOUS,
       0.4},
      {"suspicious as it is",
       {kClean, Completed(suspicious + "confidence: 0.1")},
       v1::ANALYSIS_VERDICT_SUSPICIOUS,
       0.1},
      {"of suspicious ones the surest",
       {Completed(suspicious + "confidence: 0.3"), Completed(suspicious + "confidence: 0.7"),
        Completed(suspicious + "confidence: 0.2")},
       v1::ANALYSIS_VERDICT_SUSPICIOUS,
       0.7},
      {"clean, not authoritative",
       {Completed(clean + "confidence: 1")},
       v1::ANALYSIS_VERDICT_UNKNOWN,
       1},
      {"clean, hardly sure",
       {Completed(clean + sure + "confidence: 0.4")},
       v1::ANALYSIS_VERDICT_UNKNOWN,
       0.4},
      {"clean of half",
       {Completed(clean + sure + "confidence: 1 completeness { reasons: 'gap' }")},
       v1::ANALYSIS_VERDICT_UNKNOWN,
       1},
      {"no confidence at all", {Completed(malicious + sure)}, v1::ANALYSIS_VERDICT_UNKNOWN, 0},
      {"unknown is worse than clean",
       {kClean, Completed("verdict: ANALYSIS_VERDICT_UNKNOWN")},
       v1::ANALYSIS_VERDICT_UNKNOWN,
       0},
      {"one failed", {kClean, "status: STAGE_STATUS_FAILED"}, v1::ANALYSIS_VERDICT_UNKNOWN, 0},
      {"one timed out",
       {"status: STAGE_STATUS_TIMED_OUT", kClean},
       v1::ANALYSIS_VERDICT_UNKNOWN,
       0},
      {"one was skipped",
       {kClean, "status: STAGE_STATUS_SKIPPED"},
       v1::ANALYSIS_VERDICT_UNKNOWN,
       0},
      {"a failure hides no finding",
       {Completed(suspicious + "confidence: 0.5"), "status: STAGE_STATUS_FAILED"},
       v1::ANALYSIS_VERDICT_SUSPICIOUS,
       0.5},
  };
  for (const Case& c : cases) {
    const v1::WorkflowExecution execution = ExecutionOf(c.stages, v1::WORKFLOW_STAGE_KIND_ANALYSIS);
    const WeighedVerdict weighed = WeighVerdicts(execution, All(execution));
    EXPECT_EQ(NameOf(weighed.verdict), NameOf(c.verdict)) << c.name;
    EXPECT_DOUBLE_EQ(weighed.confidence, c.confidence) << c.name;
  }
}

TEST(StageVerdictTest, WhoOnlyCollectsSaysNothingUnlessItIsNotWhole) {
  const std::string whole = Completed(
      "verdict: ANALYSIS_VERDICT_UNKNOWN "
      "completeness { complete: true }");
  const std::string half = Completed(
      "verdict: ANALYSIS_VERDICT_UNKNOWN "
      "completeness { reasons: 'a monitor is away' }");
  for (const auto& [collected, verdict] :
       {std::pair(whole, v1::ANALYSIS_VERDICT_CLEAN), std::pair(half, v1::ANALYSIS_VERDICT_UNKNOWN),
        std::pair(std::string("status: STAGE_STATUS_FAILED"), v1::ANALYSIS_VERDICT_UNKNOWN)}) {
    v1::WorkflowExecution execution =
        ExecutionOf({collected, kClean}, v1::WORKFLOW_STAGE_KIND_DETECTION);
    execution.mutable_workflow()->mutable_stages(0)->set_kind(v1::WORKFLOW_STAGE_KIND_ENRICHMENT);
    EXPECT_EQ(WeighVerdicts(execution, {0, 1}).verdict, verdict) << collected;
  }
}

TEST(StageVerdictTest, NamesWhatWasNotWhole) {
  v1::WorkflowExecution execution = ExecutionOf(
      {kClean, "status: STAGE_STATUS_FAILED error: 'no such file'",
       Completed("verdict: ANALYSIS_VERDICT_CLEAN confidence: 1 completeness { reasons: 'gap' }")},
      v1::WORKFLOW_STAGE_KIND_ANALYSIS);
  const WeighedVerdict weighed = WeighVerdicts(execution, {0, 1, 2});
  EXPECT_FALSE(weighed.completeness.complete());
  EXPECT_THAT(weighed.completeness.reasons(),
              ElementsAre("stage s1: FAILED: no such file", "stage s2: gap",
                          "stage s2: not authoritative"));
  EXPECT_TRUE(WeighVerdicts(execution, {0}).completeness.complete());
  EXPECT_THAT(WeighVerdicts(execution, {0}).completeness.reasons(), IsEmpty());
}

TEST(StageVerdictTest, StagesBeforeAreThoseThatItWaitsForDirectlyOrNot) {
  v1::Workflow workflow;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "stages { id: 'alert' depends_on: 'detect' } stages { id: 'collect' }"
      "stages { id: 'beside' depends_on: 'collect' }"
      "stages { id: 'detect' depends_on: 'enrich' depends_on: 'collect' }"
      "stages { id: 'enrich' depends_on: 'collect' }",
      &workflow));
  EXPECT_THAT(StagesBefore(workflow, 0), ElementsAre(1, 3, 4));
  EXPECT_THAT(StagesBefore(workflow, 4), ElementsAre(1));
  EXPECT_THAT(StagesBefore(workflow, 1), IsEmpty());
}

}  // namespace
}  // namespace daemoneye::gateway
