#include "libs/analysis/workflow_run.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "fmt/format.h"
#include "libs/base/text.h"
#include "libs/event/event_builder.h"

namespace daemoneye::analysis {
namespace {

// Errors of others are texts from outside.
constexpr size_t kMaxErrorBytes = 1'024;
constexpr int kMaxReasons = 64;

// Who failed may say anything, and a message that is not UTF-8 can never be read again.
std::string Bounded(std::string_view text) {
  const std::string escaped = base::IsUtf8(text) ? "" : base::EscapeBytes(text);
  return std::string(base::Utf8Prefix(base::IsUtf8(text) ? text : escaped, kMaxErrorBytes));
}

}  // namespace

bool IsFinal(v1::StageStatus status) { return status > v1::STAGE_STATUS_RUNNING; }

bool IsFinal(v1::ExecutionStatus status) { return status > v1::EXECUTION_STATUS_RUNNING; }

WorkflowRun::WorkflowRun(v1::WorkflowExecution execution) : execution_(std::move(execution)) {
  const v1::Workflow& workflow = execution_.workflow();
  absl::flat_hash_map<std::string_view, int> places;
  for (int i = 0; i < workflow.stages_size(); ++i) places.emplace(workflow.stages(i).id(), i);
  for (const v1::WorkflowStage& stage : workflow.stages()) {
    std::vector<int>& needs = depends_on_.emplace_back();
    for (const std::string& name : stage.depends_on()) needs.push_back(places.at(name));
  }
  if (execution_.stages().empty()) {
    execution_.set_status(v1::EXECUTION_STATUS_PENDING);
    for (const v1::WorkflowStage& stage : workflow.stages()) {
      v1::StageExecution& state = *execution_.add_stages();
      state.set_stage_id(stage.id());
      state.set_status(v1::STAGE_STATUS_PENDING);
    }
  } else if (!has_ended()) {
    for (v1::StageExecution& state : *execution_.mutable_stages()) {
      if (!IsFinal(state.status())) state.set_status(v1::STAGE_STATUS_PENDING);
    }
  }
  Changed();
}

void WorkflowRun::Start(absl::Time now) {
  execution_.set_status(v1::EXECUTION_STATUS_RUNNING);
  if (!execution_.has_started_at()) event::SetTime(now, execution_.mutable_started_at());
  Changed();
  Settle(now);
}

WorkflowRun::Need WorkflowRun::NeedOf(int i) const {
  Need need = Need::kMet;
  for (const int d : depends_on_[i]) {
    const v1::StageStatus status = state(d).status();
    if (status == v1::STAGE_STATUS_COMPLETED) continue;
    if (!IsFinal(status)) {
      need = Need::kOpen;
      continue;
    }
    const bool is_required = std::ranges::count(stage(i).required(), stage(d).id()) > 0;
    if (!stage(d).optional() || is_required) return Need::kUnmeetable;
  }
  return need;
}

std::vector<int> WorkflowRun::TakeReady(absl::Time now) {
  std::vector<int> ready;
  if (execution_.status() != v1::EXECUTION_STATUS_RUNNING) return ready;
  for (int i = 0; i < execution_.stages_size(); ++i) {
    if (state(i).status() != v1::STAGE_STATUS_PENDING || NeedOf(i) != Need::kMet) continue;
    v1::StageExecution& stage = *execution_.mutable_stages(i);
    stage.set_status(v1::STAGE_STATUS_QUEUED);
    if (!stage.has_started_at()) event::SetTime(now, stage.mutable_started_at());
    ready.push_back(i);
  }
  if (!ready.empty()) Changed();
  return ready;
}

void WorkflowRun::OnAttempt(int i) {
  v1::StageExecution& stage = *execution_.mutable_stages(i);
  stage.set_status(v1::STAGE_STATUS_RUNNING);
  stage.set_attempts(stage.attempts() + 1);
  Changed();
}

void WorkflowRun::OnRetry(int i, std::string_view why) {
  v1::StageExecution& stage = *execution_.mutable_stages(i);
  stage.set_status(v1::STAGE_STATUS_QUEUED);
  stage.set_error(Bounded(why));
  Changed();
}

// A stage often repeats what those before it said.
void WorkflowRun::AddReason(int i, std::string_view why) {
  auto& reasons = *execution_.mutable_completeness()->mutable_reasons();
  const std::string reason = Bounded(fmt::format("stage {}: {}", stage(i).id(), why));
  const bool is_known = std::ranges::any_of(
      reasons, [&](const std::string& known) { return reason.ends_with(known); });
  if (!is_known && reasons.size() < kMaxReasons) *reasons.Add() = reason;
}

void WorkflowRun::OnCompleted(int i, v1::AnalysisResult result, absl::Time now) {
  for (const std::string& reason : result.completeness().reasons()) AddReason(i, reason);
  *execution_.mutable_stages(i)->mutable_result() = std::move(result);
  EndStage(i, v1::STAGE_STATUS_COMPLETED, "", now);
  Settle(now);
}

void WorkflowRun::OnFailed(int i, v1::StageStatus status, std::string_view why, absl::Time now) {
  constexpr size_t kPrefix = sizeof("STAGE_STATUS");
  AddReason(i, fmt::format("{}: {}", v1::StageStatus_Name(status).substr(kPrefix), why));
  EndStage(i, status, why, now);
  Settle(now);
}

void WorkflowRun::AddAlert(const std::string& id) {
  if (std::ranges::count(execution_.alert_ids(), id) == 0) execution_.add_alert_ids(id);
  Changed();
}

void WorkflowRun::End(v1::ExecutionStatus status, std::string_view why, absl::Time now) {
  for (int i = 0; i < execution_.stages_size(); ++i) {
    if (!IsFinal(state(i).status())) EndStage(i, v1::STAGE_STATUS_CANCELLED, why, now);
  }
  execution_.set_status(status);
  execution_.set_error(Bounded(why));
  Conclude(now);
}

void WorkflowRun::EndStage(int i, v1::StageStatus status, std::string_view why, absl::Time now) {
  v1::StageExecution& stage = *execution_.mutable_stages(i);
  stage.set_status(status);
  stage.set_error(Bounded(why));
  event::SetTime(now, stage.mutable_ended_at());
  Changed();
}

void WorkflowRun::Settle(absl::Time now) {
  bool has_changed = true;
  while (has_changed) {
    has_changed = false;
    for (int i = 0; i < execution_.stages_size(); ++i) {
      if (state(i).status() != v1::STAGE_STATUS_PENDING || NeedOf(i) != Need::kUnmeetable) continue;
      EndStage(i, v1::STAGE_STATUS_SKIPPED, "a stage that it needs did not complete", now);
      has_changed = true;
    }
  }
  int ended = 0;
  std::string error;
  for (int i = 0; i < execution_.stages_size(); ++i) {
    const v1::StageStatus status = state(i).status();
    ended += IsFinal(status) ? 1 : 0;
    const bool has_failed =
        status == v1::STAGE_STATUS_FAILED || status == v1::STAGE_STATUS_TIMED_OUT;
    if (!has_failed || stage(i).optional() || !error.empty()) continue;
    error = fmt::format("stage {}: {}", stage(i).id(), state(i).error());
  }
  execution_.set_progress(static_cast<double>(ended) / execution_.stages_size());
  if (ended < execution_.stages_size()) return;
  execution_.set_status(error.empty() ? v1::EXECUTION_STATUS_COMPLETED
                                      : v1::EXECUTION_STATUS_FAILED);
  execution_.set_error(error);
  Conclude(now);
}

void WorkflowRun::Conclude(absl::Time now) {
  execution_.set_progress(1);
  execution_.mutable_completeness()->set_complete(execution_.completeness().reasons().empty());
  event::SetTime(now, execution_.mutable_ended_at());
  Changed();
}

}  // namespace daemoneye::analysis
