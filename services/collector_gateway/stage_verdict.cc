#include "services/collector_gateway/stage_verdict.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {
namespace {

constexpr double kSureEnough = 0.5;

// The worse, the higher.
int RankOf(v1::AnalysisVerdict verdict) {
  switch (verdict) {
    case v1::ANALYSIS_VERDICT_MALICIOUS:
      return 3;
    case v1::ANALYSIS_VERDICT_SUSPICIOUS:
      return 2;
    case v1::ANALYSIS_VERDICT_CLEAN:
      return 0;
    default:
      return 1;
  }
}

v1::AnalysisVerdict Weigh(const v1::AnalysisResult& result) {
  const bool is_sure = result.authoritative() && result.confidence() >= kSureEnough;
  if (!(result.confidence() > 0)) return v1::ANALYSIS_VERDICT_UNKNOWN;
  switch (result.verdict()) {
    case v1::ANALYSIS_VERDICT_MALICIOUS:
      return is_sure ? v1::ANALYSIS_VERDICT_MALICIOUS : v1::ANALYSIS_VERDICT_SUSPICIOUS;
    case v1::ANALYSIS_VERDICT_SUSPICIOUS:
      return v1::ANALYSIS_VERDICT_SUSPICIOUS;
    case v1::ANALYSIS_VERDICT_CLEAN: {
      const bool is_whole = !result.has_completeness() || result.completeness().complete();
      return is_sure && is_whole ? v1::ANALYSIS_VERDICT_CLEAN : v1::ANALYSIS_VERDICT_UNKNOWN;
    }
    default:
      return v1::ANALYSIS_VERDICT_UNKNOWN;
  }
}

// What a stage has to say: its verdict, or UNKNOWN where it leaves a doubt; nothing where it
// completed and judges nothing.
struct Say {
  bool has_verdict = false;
  v1::AnalysisVerdict verdict = v1::ANALYSIS_VERDICT_UNKNOWN;
  double confidence = 0;
  bool authoritative = false;
};

Say SayOf(const v1::WorkflowStage& definition, const v1::StageExecution& state,
          v1::Completeness& completeness) {
  const std::string& id = definition.id();
  if (state.status() != v1::STAGE_STATUS_COMPLETED) {
    AddReason(fmt::format("stage {}: {}{}{}", id, NameOf(state.status()),
                          state.error().empty() ? "" : ": ", state.error()),
              completeness);
    return {.has_verdict = true};
  }
  const v1::AnalysisResult& result = state.result();
  for (const std::string& reason : result.completeness().reasons()) {
    AddReason(fmt::format("stage {}: {}", id, reason), completeness);
  }
  const bool is_whole = !result.has_completeness() || result.completeness().complete();
  if (!is_whole && result.completeness().reasons().empty()) {
    AddReason(fmt::format("stage {}: not complete", id), completeness);
  }
  if (!Judges(definition.kind())) return {.has_verdict = !is_whole};
  if (!result.authoritative() && result.verdict() != v1::ANALYSIS_VERDICT_UNKNOWN) {
    AddReason(fmt::format("stage {}: not authoritative", id), completeness);
  }
  return {.has_verdict = true,
          .verdict = Weigh(result),
          .confidence = result.confidence(),
          .authoritative = result.authoritative()};
}

}  // namespace

bool Judges(v1::WorkflowStageKind kind) {
  return kind == v1::WORKFLOW_STAGE_KIND_DETECTION || kind == v1::WORKFLOW_STAGE_KIND_ANALYSIS;
}

std::vector<int> StagesBefore(const v1::Workflow& workflow, int stage) {
  std::vector<bool> is_before(static_cast<size_t>(workflow.stages_size()), false);
  std::vector<int> to_follow = {stage};
  while (!to_follow.empty()) {
    const int at = to_follow.back();
    to_follow.pop_back();
    for (const std::string& needed : workflow.stages(at).depends_on()) {
      for (int i = 0; i < workflow.stages_size(); ++i) {
        if (i == stage || is_before[i] || workflow.stages(i).id() != needed) continue;
        is_before[i] = true;
        to_follow.push_back(i);
      }
    }
  }
  std::vector<int> before;
  for (int i = 0; i < workflow.stages_size(); ++i) {
    if (is_before[i]) before.push_back(i);
  }
  return before;
}

WeighedVerdict WeighVerdicts(const v1::WorkflowExecution& execution,
                             const std::vector<int>& stages) {
  WeighedVerdict worst;
  worst.completeness.set_complete(true);
  bool has_verdict = false;
  for (const int i : stages) {
    if (i >= execution.stages_size()) continue;
    const Say say = SayOf(execution.workflow().stages(i), execution.stages(i), worst.completeness);
    if (!say.has_verdict) continue;
    const int rank = RankOf(say.verdict), known = RankOf(worst.verdict);
    if (has_verdict && rank < known) continue;
    const bool is_surer = say.verdict == v1::ANALYSIS_VERDICT_CLEAN
                              ? say.confidence < worst.confidence
                              : say.confidence > worst.confidence;
    if (has_verdict && rank == known && !is_surer) {
      worst.authoritative &= say.authoritative;
      continue;
    }
    worst.authoritative =
        say.authoritative && (!has_verdict || rank > known || worst.authoritative);
    worst.verdict = say.verdict;
    worst.confidence = say.confidence;
    worst.decided_by = i;
    has_verdict = true;
  }
  return worst;
}

std::string_view NameOf(v1::AnalysisVerdict verdict) {
  if (!v1::AnalysisVerdict_IsValid(verdict)) verdict = v1::ANALYSIS_VERDICT_UNKNOWN;
  return std::string_view(v1::AnalysisVerdict_Name(verdict))
      .substr(sizeof("ANALYSIS_VERDICT_") - 1);
}

std::string_view NameOf(v1::StageStatus status) {
  if (!v1::StageStatus_IsValid(status)) status = v1::STAGE_STATUS_UNSPECIFIED;
  return std::string_view(v1::StageStatus_Name(status)).substr(sizeof("STAGE_STATUS_") - 1);
}

}  // namespace daemoneye::gateway
