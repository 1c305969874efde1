#include "services/collector_gateway/analyzer_stage.h"

#include <utility>

#include "fmt/format.h"

namespace daemoneye::gateway {

v1::AnalyzeRequest AnalyzeRequestOf(const analysis::StageWork& work) {
  const v1::WorkflowExecution& execution = *work.execution;
  const v1::WorkflowStage& stage = work.definition();
  v1::AnalyzeRequest request;
  request.set_request_id(fmt::format("{}/{}", execution.id(), stage.id()));
  request.set_analysis_type(stage.analysis_type());
  request.set_custom_type(stage.custom_type());
  request.set_priority(execution.priority());
  *request.mutable_target() = execution.target();
  v1::AnalysisContext& context = *request.mutable_context();
  context.set_trigger_id(execution.trigger_id());
  context.set_execution_id(execution.id());
  context.set_stage_id(stage.id());
  context.set_correlation_id(execution.correlation_id());
  if (execution.has_event()) *context.mutable_event() = execution.event();
  for (const v1::StageExecution& done : execution.stages()) {
    if (done.status() != v1::STAGE_STATUS_COMPLETED) continue;
    (*context.mutable_results())[done.stage_id()] = done.result();
  }
  *context.mutable_parameters() = stage.parameters();
  return request;
}

analysis::Begun AnalyzerStage::Begin(const analysis::StageWork& work, Done done) {
  return pool_.Begin(work.definition().analyzer(), AnalyzeRequestOf(work), work.timeout,
                     [done = std::move(done)](absl::StatusOr<v1::AnalysisResult> result) {
                       done({.result = std::move(result), .alert_ids = {}});
                     });
}

}  // namespace daemoneye::gateway
