#include "services/collector_gateway/alerting_stage.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "libs/alerting/alert_engine.h"
#include "libs/alerting/outbox.h"
#include "libs/base/fake_clock.h"
#include "libs/event/uuid.h"
#include "libs/storage/sqlite/store_fixture.h"
#include "services/collector_gateway/stage_fixture.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// An execution of "hash" (ANALYSIS), "detect" (DETECTION) and "alert", the stage in hand.
constexpr char kHead[] = R"(
  id: 'e-1' workflow_id: 'investigate' trigger_id: 'nc' correlation_id: 'c-1'
  target { process_key: 'key-7' pid: 7 path: '/bin/nc' host: 'h' }
  event { origin { host: 'h' monitor: 'procmond' stream_id: 's' sequence: 9 }
          process { name: 'nc' executable_path: '/bin/nc' process_key: 'key-7' } }
  completeness { complete: true }
  workflow { description: 'A look'
    stages { id: 'hash' kind: WORKFLOW_STAGE_KIND_ANALYSIS }
    stages { id: 'detect' kind: WORKFLOW_STAGE_KIND_DETECTION depends_on: 'hash' }
    stages { id: 'alert' kind: WORKFLOW_STAGE_KIND_ALERTING depends_on: 'detect' )";

constexpr char kCleanStages[] = R"(
  stages { stage_id: 'hash' status: STAGE_STATUS_COMPLETED
    result { verdict: ANALYSIS_VERDICT_CLEAN confidence: 1 authoritative: true } }
  stages { stage_id: 'detect' status: STAGE_STATUS_COMPLETED
    result { verdict: ANALYSIS_VERDICT_CLEAN confidence: 1 authoritative: true } }
  stages { stage_id: 'alert' status: STAGE_STATUS_RUNNING })";

constexpr char kFoundStages[] = R"(
  stages { stage_id: 'hash' status: STAGE_STATUS_COMPLETED
    result { verdict: ANALYSIS_VERDICT_CLEAN confidence: 0.9 summary: 'known'
             completeness { reasons: 'it changed' }
             evidence { stream_id: 's' sequence: 9 } evidence { stream_id: 's' sequence: 3 } } }
  stages { stage_id: 'detect' status: STAGE_STATUS_COMPLETED
    result { verdict: ANALYSIS_VERDICT_MALICIOUS confidence: 0.8 authoritative: true
             summary: 'nc listens' evidence { stream_id: 's' sequence: 4 } evidence { stream_id: 't' }
             result { fields { key: 'severity' value { string_value: 'CRITICAL' } } } } }
  stages { stage_id: 'alert' status: STAGE_STATUS_RUNNING })";

analysis::StageWork Work(const std::string& stages, const std::string& alerting = "") {
  return WorkOf(std::string(kHead) + alerting + "} }" + stages, 2);
}

v1::Trigger TheTrigger() {
  v1::Trigger trigger;
  trigger.set_id("nc");
  trigger.set_description("nc runs");
  trigger.set_severity(v1::SEVERITY_LOW);
  trigger.add_attack_ids("T1095");
  (*trigger.mutable_metadata())["team"] = "red";
  return trigger;
}

class AlertingStageTest : public ::testing::Test {
 protected:
  AlertingStageTest() { engine_->Start(); }

  analysis::StageOutcome Run(const analysis::StageWork& work) {
    AlertingStage stage(
        {.raise = [this](alerting::AlertDraft draft) { engine_->Raise(std::move(draft)); },
         .find_trigger = [this](const std::string&) { return trigger_; }});
    return OutcomeOf(stage, work);
  }
  std::vector<v1::Alert> Alerts() { return *store_.sqlite().alerts().ReadAfter({}, 0, 100); }
  // As a gateway that began again: nothing is remembered but what is stored.
  void Restart() {
    engine_->Stop();
    engine_ = std::make_unique<alerting::AlertEngine>(alerting::AlertEngineOptions{},
                                                      store_.sqlite().alerts(), outbox_, clock_);
    engine_->Start();
  }

  base::FakeClock clock_;
  storage::SqliteStoreFixture store_;
  alerting::Outbox outbox_{store_.sqlite().alerts(), clock_};
  std::unique_ptr<alerting::AlertEngine> engine_ = std::make_unique<alerting::AlertEngine>(
      alerting::AlertEngineOptions{}, store_.sqlite().alerts(), outbox_, clock_);
  std::shared_ptr<const v1::Trigger> trigger_ = std::make_shared<const v1::Trigger>(TheTrigger());
};

TEST_F(AlertingStageTest, TellsWhatTheMatchRestsOnAndNoVerdictWhereThereIsNone) {
  const analysis::StageWork work = WorkOf(R"(
    id: 'e-1' workflow_id: 'look' trigger_id: 'nc' target { pid: 7 }
    evidence { stream_id: 's' sequence: 9 } evidence { stream_id: 's' sequence: 8 }
    details { key: 'key' value: 'web1' } details { key: 'failures' value: '12' } suppressed: 3
    workflow {
      stages { id: 'enrich' kind: WORKFLOW_STAGE_KIND_ENRICHMENT }
      stages { id: 'detect' kind: WORKFLOW_STAGE_KIND_DETECTION depends_on: 'enrich' }
      stages { id: 'alert' kind: WORKFLOW_STAGE_KIND_ALERTING depends_on: 'detect' } }
    stages { stage_id: 'enrich' status: STAGE_STATUS_COMPLETED
      result { verdict: ANALYSIS_VERDICT_UNKNOWN summary: 'nc under sh' } }
    stages { stage_id: 'detect' status: STAGE_STATUS_COMPLETED
      result { verdict: ANALYSIS_VERDICT_UNKNOWN summary: 'No stage came to a verdict' } }
    stages { stage_id: 'alert' status: STAGE_STATUS_RUNNING })",
                                          2);
  const alerting::AlertDraft draft = DraftOfStage(*work.execution, 2, trigger_.get());
  EXPECT_EQ(draft.alert.title(), "nc runs") << "the trigger's, not that nothing was found";
  EXPECT_EQ(draft.alert.evidence_size(), 2);
  EXPECT_EQ(draft.suppressed, 3u);
  EXPECT_EQ(draft.dedup_scope, "web1");
  EXPECT_THAT(draft.alert.details(), Contains(Pair("failures", "12")));
  EXPECT_THAT(draft.alert.details(), Contains(Pair("stage.enrich", "COMPLETED: nc under sh")));
  EXPECT_THAT(draft.alert.completeness().reasons(), IsEmpty());
}

TEST_F(AlertingStageTest, RaisesWhatEveryStageFoundAndIsDoneOnceItIsStored) {
  const analysis::StageOutcome outcome = Run(Work(kFoundStages));
  ASSERT_TRUE(outcome.result.ok()) << outcome.result.status();
  const std::vector<v1::Alert> alerts = Alerts();
  ASSERT_EQ(alerts.size(), 1u);
  const v1::Alert& alert = alerts[0];
  EXPECT_THAT(outcome.alert_ids, ElementsAre(alert.id()));
  EXPECT_EQ(TextOf(outcome.result->result(), "alert"), "raised");
  EXPECT_EQ(TextOf(outcome.result->result(), "alert_id"), alert.id());
  EXPECT_EQ(outcome.result->verdict(), v1::ANALYSIS_VERDICT_MALICIOUS);
  EXPECT_EQ(alert.severity(), v1::SEVERITY_CRITICAL);
  EXPECT_EQ(alert.title(), "nc listens");
  EXPECT_EQ(alert.trigger_id(), "nc");
  EXPECT_EQ(alert.workflow_id(), "investigate");
  EXPECT_EQ(alert.execution_id(), "e-1");
  EXPECT_EQ(alert.correlation_id(), "c-1");
  EXPECT_EQ(alert.host(), "h");
  EXPECT_EQ(alert.process_key(), "key-7");
  EXPECT_EQ(alert.pid(), 7u);
  EXPECT_EQ(alert.process_name(), "nc");
  EXPECT_EQ(alert.executable_path(), "/bin/nc");
  std::vector<std::string> evidence;
  for (const v1::Origin& origin : alert.evidence()) {
    evidence.push_back(origin.stream_id() + std::to_string(origin.sequence()));
  }
  EXPECT_THAT(evidence, ElementsAre("s9", "s4", "s3")) << "the event first, each once";
  EXPECT_FALSE(alert.completeness().complete());
  EXPECT_THAT(alert.completeness().reasons(),
              ElementsAre("stage hash: it changed", "stage hash: not authoritative"));
  EXPECT_THAT(alert.details(),
              Contains(Pair("stage.detect", "COMPLETED MALICIOUS 0.80: nc listens")));
  EXPECT_THAT(alert.details(),
              Contains(Pair("stage.hash", "COMPLETED CLEAN 0.90 not authoritative: known")));
  EXPECT_THAT(alert.details(), Contains(Pair("team", "red")));
  EXPECT_THAT(alert.attack_ids(), ElementsAre("T1095"));
}

TEST_F(AlertingStageTest, SeverityAndTitleAreTheStagesElseDetectionsElseTheTriggers) {
  const std::string plain = R"(
    stages { stage_id: 'hash' status: STAGE_STATUS_FAILED }
    stages { stage_id: 'detect' status: STAGE_STATUS_SKIPPED } stages { stage_id: 'alert' })";
  struct Case {
    std::string alerting;
    std::string stages;
    bool has_trigger;
    v1::Severity severity;
    std::string title;
  };
  for (const Case& c :
       std::vector<Case>{{"alerting { severity: SEVERITY_INFO title: 'Mine' attack_ids: 'T1' }",
                          kFoundStages, true, v1::SEVERITY_INFO, "Mine"},
                         {"", kFoundStages, true, v1::SEVERITY_CRITICAL, "nc listens"},
                         {"", plain, true, v1::SEVERITY_LOW, "nc runs"},
                         {"", plain, false, v1::SEVERITY_MEDIUM, "A look"}}) {
    const v1::Trigger trigger = TheTrigger();
    const v1::Alert alert =
        DraftOfStage(*Work(c.stages, c.alerting).execution, 2, c.has_trigger ? &trigger : nullptr)
            .alert;
    EXPECT_EQ(alert.severity(), c.severity) << c.title;
    EXPECT_EQ(alert.title(), c.title);
  }
}

TEST_F(AlertingStageTest, IsWithheldOnlyWhereEveryVerdictIsClean) {
  const analysis::StageOutcome clean = Run(Work(kCleanStages));
  ASSERT_TRUE(clean.result.ok()) << clean.result.status();
  EXPECT_EQ(TextOf(clean.result->result(), "alert"), "withheld");
  EXPECT_THAT(clean.alert_ids, IsEmpty());
  EXPECT_THAT(Alerts(), IsEmpty());

  const std::string clean_text = kCleanStages;
  int raised = 0;
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"ANALYSIS_VERDICT_CLEAN", "ANALYSIS_VERDICT_UNKNOWN"},
           {"ANALYSIS_VERDICT_CLEAN", "ANALYSIS_VERDICT_SUSPICIOUS"},
           {"authoritative: true", ""},
           {"STAGE_STATUS_COMPLETED", "STAGE_STATUS_FAILED"},
           {"STAGE_STATUS_COMPLETED", "STAGE_STATUS_TIMED_OUT"},
           {"STAGE_STATUS_COMPLETED", "STAGE_STATUS_SKIPPED"}}) {
    std::string stages = clean_text;
    stages.replace(stages.find(from), from.size(), to);
    clock_.Advance(absl::Hours(1));
    analysis::StageWork work = Work(stages);
    v1::WorkflowExecution execution = *work.execution;
    execution.set_id("e-" + to);
    work.execution = std::make_shared<const v1::WorkflowExecution>(execution);
    const analysis::StageOutcome outcome = Run(work);
    ASSERT_TRUE(outcome.result.ok()) << outcome.result.status();
    EXPECT_EQ(TextOf(outcome.result->result(), "alert"), "raised") << to;
    EXPECT_EQ(Alerts().size(), static_cast<size_t>(++raised)) << to;
  }
}

TEST_F(AlertingStageTest, AnExecutionThatIsGoneOnWithRaisesItsAlertOnce) {
  const analysis::StageOutcome first = Run(Work(kFoundStages));
  const analysis::StageOutcome again = Run(Work(kFoundStages));
  Restart();
  const analysis::StageOutcome resumed = Run(Work(kFoundStages));
  for (const analysis::StageOutcome* outcome : {&first, &again, &resumed}) {
    ASSERT_TRUE(outcome->result.ok()) << outcome->result.status();
    EXPECT_EQ(outcome->alert_ids, first.alert_ids);
    EXPECT_EQ(TextOf(outcome->result->result(), "alert"), "raised");
  }
  ASSERT_EQ(Alerts().size(), 1u);
  EXPECT_EQ(Alerts()[0].suppressed(), 0u);
}

TEST_F(AlertingStageTest, OneLikeAnotherIsHeldBackAndTheStageCompletes) {
  ASSERT_TRUE(Run(Work(kFoundStages)).result.ok());
  analysis::StageWork work = Work(kFoundStages);
  v1::WorkflowExecution other = *work.execution;
  other.set_id("e-2");
  work.execution = std::make_shared<const v1::WorkflowExecution>(other);
  const analysis::StageOutcome outcome = Run(work);
  ASSERT_TRUE(outcome.result.ok()) << outcome.result.status();
  EXPECT_EQ(TextOf(outcome.result->result(), "alert"), "held_back");
  EXPECT_THAT(outcome.alert_ids, IsEmpty());
  EXPECT_EQ(Alerts().size(), 1u);
}

TEST_F(AlertingStageTest, WhatCannotBeTakenIsToBeTriedAgain) {
  engine_->Stop();
  const analysis::StageOutcome outcome = Run(Work(kFoundStages));
  EXPECT_TRUE(absl::IsUnavailable(outcome.result.status())) << outcome.result.status();
}

TEST_F(AlertingStageTest, EvidenceAndReasonsStayWithinTheirBounds) {
  v1::WorkflowExecution execution = *Work(kFoundStages).execution;
  for (int stage = 0; stage < 2; ++stage) {
    v1::AnalysisResult& result = *execution.mutable_stages(stage)->mutable_result();
    for (int i = 0; i < 16; ++i) {
      v1::Origin& origin = *result.add_evidence();
      origin.set_stream_id("many");
      origin.set_sequence(static_cast<uint64_t>(stage) * 100 + static_cast<uint64_t>(i) + 1);
      result.mutable_completeness()->add_reasons(std::string(5'000, 'r'));
    }
  }
  const v1::Alert alert = DraftOfStage(execution, 2, nullptr).alert;
  EXPECT_EQ(alert.evidence_size(), 16);
  EXPECT_EQ(alert.evidence(0).sequence(), 9u);
  EXPECT_LE(alert.completeness().reasons_size(), 16);
  EXPECT_LE(alert.ByteSizeLong(), 32u << 10);
}

TEST(AlertOfFailureTest, NamesTheStageThatFailedAndHasTheIdOfTheAlertThatWasToCome) {
  v1::WorkflowExecution execution = *Work(R"(
    stages { stage_id: 'hash' status: STAGE_STATUS_FAILED error: 'too slow' }
    stages { stage_id: 'detect' status: STAGE_STATUS_SKIPPED }
    stages { stage_id: 'alert' status: STAGE_STATUS_SKIPPED })")
                                         .execution;
  execution.set_status(v1::EXECUTION_STATUS_FAILED);
  execution.set_error("stage hash: too slow");
  ASSERT_TRUE(NeedsAlertOfFailure(execution));
  const v1::Trigger trigger = TheTrigger();
  const alerting::AlertDraft draft = DraftOfFailed(execution, &trigger);
  EXPECT_EQ(draft.id, AlertIdOf("e-1", "alert"));
  EXPECT_EQ(draft.alert.title(), "nc runs");
  EXPECT_EQ(draft.alert.severity(), v1::SEVERITY_LOW);
  EXPECT_EQ(draft.alert.evidence(0).sequence(), 9u);
  EXPECT_FALSE(draft.alert.completeness().complete());
  EXPECT_THAT(draft.alert.completeness().reasons(0),
              HasSubstr("investigate did not come to an end: stage hash: too slow"));
  EXPECT_THAT(draft.alert.details(), Contains(Pair("stage.hash", "FAILED: too slow")));
}

TEST(AlertOfFailureTest, IsNeededWhereATriggersExecutionEndedWithoutItsAlert) {
  v1::WorkflowExecution execution = *Work(kFoundStages).execution;
  for (const auto& [status, is_needed] : {std::pair(v1::EXECUTION_STATUS_FAILED, true),
                                          std::pair(v1::EXECUTION_STATUS_TIMED_OUT, true),
                                          std::pair(v1::EXECUTION_STATUS_CANCELLED, false),
                                          std::pair(v1::EXECUTION_STATUS_COMPLETED, false)}) {
    execution.set_status(status);
    EXPECT_EQ(NeedsAlertOfFailure(execution), is_needed) << status;
  }
  execution.set_status(v1::EXECUTION_STATUS_FAILED);
  execution.mutable_stages(2)->set_status(v1::STAGE_STATUS_COMPLETED);
  EXPECT_FALSE(NeedsAlertOfFailure(execution)) << "it has its alert";
  execution.mutable_stages(2)->set_status(v1::STAGE_STATUS_FAILED);
  execution.clear_trigger_id();
  EXPECT_FALSE(NeedsAlertOfFailure(execution)) << "a client asked, and is told";
}

TEST(AlertIdTest, FollowsFromExecutionAndStage) {
  const std::string id = AlertIdOf("e-1", "alert");
  EXPECT_TRUE(event::IsUuid(id)) << id;
  EXPECT_EQ(id[14], '8');
  EXPECT_EQ(AlertIdOf("e-1", "alert"), id);
  EXPECT_NE(AlertIdOf("e-1", "alert2"), id);
  EXPECT_NE(AlertIdOf("e-2", "alert"), id);
}

}  // namespace
}  // namespace daemoneye::gateway
