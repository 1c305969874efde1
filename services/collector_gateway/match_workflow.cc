#include "services/collector_gateway/match_workflow.h"

#include <string>

namespace daemoneye::gateway {
namespace {

constexpr int kDefaultRequestTimeoutSeconds = 30;
constexpr size_t kMaxDetails = 32;
constexpr size_t kMaxDetailBytes = 8 << 10;

void AddDetail(const std::string& name, const std::string& text, size_t& bytes,
               v1::WorkflowExecution& execution) {
  bytes += name.size() + text.size();
  if (bytes > kMaxDetailBytes || execution.details().size() >= kMaxDetails) return;
  (*execution.mutable_details())[name] = text;
}

}  // namespace

v1::Workflow WorkflowOfTarget(const v1::Trigger& trigger) {
  v1::Workflow workflow;
  workflow.set_id(trigger.target_collector());
  workflow.set_description(trigger.description());
  v1::WorkflowStage& analyze = *workflow.add_stages();
  analyze.set_id("analyze");
  analyze.set_kind(v1::WORKFLOW_STAGE_KIND_ANALYSIS);
  analyze.set_analyzer(trigger.target_collector());
  analyze.set_analysis_type(trigger.analysis_type());
  // What could not be analysed is told all the same.
  analyze.set_optional(true);
  if (trigger.has_request_timeout()) {
    *analyze.mutable_timeout() = trigger.request_timeout();
  } else {
    analyze.mutable_timeout()->set_seconds(kDefaultRequestTimeoutSeconds);
  }
  v1::WorkflowStage& alert = *workflow.add_stages();
  alert.set_id("alert");
  alert.set_kind(v1::WORKFLOW_STAGE_KIND_ALERTING);
  alert.add_depends_on("analyze");
  return workflow;
}

v1::WorkflowExecution ExecutionOf(const trigger::TriggerMatch& match,
                                  const v1::Workflow& workflow) {
  const v1::TriggerRequest request = trigger::MakeRequest(match);
  v1::WorkflowExecution execution;
  execution.set_workflow_id(workflow.id());
  *execution.mutable_workflow() = workflow;
  execution.set_trigger_id(request.trigger_id());
  execution.set_priority(request.priority());
  execution.set_correlation_id(request.correlation_id());
  v1::AnalysisTarget& target = *execution.mutable_target();
  target.set_process_key(request.target_process_key());
  if (request.has_target_pid()) target.set_pid(request.target_pid());
  target.set_path(request.target_path());
  if (match.event != nullptr) {
    target.set_host(match.event->origin().host());
    *execution.mutable_event() = *match.event;
  }
  for (const v1::Origin& origin : match.evidence) *execution.add_evidence() = origin;
  size_t bytes = 0;
  if (!match.key.empty()) AddDetail("key", match.key, bytes, execution);
  for (const auto& [name, text] : match.details) AddDetail(name, text, bytes, execution);
  execution.set_suppressed(match.suppressed);
  return execution;
}

}  // namespace daemoneye::gateway
