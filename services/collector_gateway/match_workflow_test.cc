#include "services/collector_gateway/match_workflow.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/analysis/workflow_check.h"

namespace daemoneye::gateway {
namespace {

trigger::TriggerMatch Match() {
  v1::Trigger trigger;
  trigger.set_id("t");
  trigger.set_target_collector("binary-hasher");
  trigger.set_analysis_type(v1::ANALYSIS_TYPE_BINARY_HASH);
  trigger.set_priority(v1::TRIGGER_PRIORITY_HIGH);
  v1::CollectionEvent event;
  event.mutable_origin()->set_host("web1");
  event.mutable_origin()->set_sequence(7);
  event.mutable_correlation()->set_correlation_id("c");
  event.mutable_process()->set_process_key("k");
  event.mutable_process()->set_pid(42);
  event.mutable_process()->set_executable_path("/tmp/x");
  trigger::TriggerMatch match;
  match.trigger = std::make_shared<const v1::Trigger>(trigger);
  match.event = std::make_shared<const v1::CollectionEvent>(event);
  match.evidence = {event.origin(), event.origin()};
  match.key = "w";
  match.details = {{"n", "3"}};
  match.suppressed = 2;
  return match;
}

TEST(MatchWorkflowTest, AnAnalyzerIsAskedWithinTheRequestTimeoutAndAnAlertFollows) {
  v1::Trigger trigger = *Match().trigger;
  v1::Workflow workflow = WorkflowOfTarget(trigger);
  EXPECT_EQ(analysis::CheckWorkflow(workflow, true), absl::OkStatus());
  ASSERT_EQ(workflow.stages_size(), 2);
  EXPECT_EQ(workflow.stages(0).analyzer(), "binary-hasher");
  EXPECT_EQ(analysis::TimeoutOf(workflow.stages(0)), absl::Seconds(30));
  EXPECT_TRUE(workflow.stages(0).optional());
  EXPECT_EQ(workflow.stages(1).kind(), v1::WORKFLOW_STAGE_KIND_ALERTING);
  trigger.mutable_request_timeout()->set_seconds(2);
  EXPECT_EQ(analysis::TimeoutOf(WorkflowOfTarget(trigger).stages(0)), absl::Seconds(2));
}

TEST(MatchWorkflowTest, AnExecutionIsAboutWhatMatched) {
  const trigger::TriggerMatch match = Match();
  const v1::WorkflowExecution execution = ExecutionOf(match, WorkflowOfTarget(*match.trigger));
  EXPECT_EQ(execution.workflow_id(), "binary-hasher");
  EXPECT_EQ(execution.trigger_id(), "t");
  EXPECT_EQ(execution.priority(), v1::TRIGGER_PRIORITY_HIGH);
  EXPECT_EQ(execution.correlation_id(), "c");
  EXPECT_EQ(execution.target().process_key(), "k");
  EXPECT_EQ(execution.target().pid(), 42u);
  EXPECT_EQ(execution.target().path(), "/tmp/x");
  EXPECT_EQ(execution.target().host(), "web1");
  EXPECT_EQ(execution.event().origin().sequence(), 7u);
  EXPECT_EQ(execution.evidence_size(), 2);
  EXPECT_EQ(execution.details().at("key"), "w");
  EXPECT_EQ(execution.details().at("n"), "3");
  EXPECT_EQ(execution.suppressed(), 2u);
}

TEST(MatchWorkflowTest, WhatTheStatementReturnedIsBounded) {
  trigger::TriggerMatch match = Match();
  for (int i = 0; i < 100; ++i) match.details["d" + std::to_string(i)] = std::string(1000, 'x');
  const v1::WorkflowExecution execution = ExecutionOf(match, {});
  size_t bytes = 0;
  for (const auto& [name, text] : execution.details()) bytes += name.size() + text.size();
  EXPECT_LE(bytes, 8u << 10);
  EXPECT_EQ(execution.details().at("key"), "w");
}

}  // namespace
}  // namespace daemoneye::gateway
