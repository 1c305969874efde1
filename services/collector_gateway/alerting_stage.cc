#include "services/collector_gateway/alerting_stage.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fmt/format.h"
#include "libs/alerting/alert_bounds.h"
#include "libs/alerting/hmac.h"
#include "libs/event/event.h"
#include "libs/trigger/trigger_match.h"
#include "services/collector_gateway/blocking_stages.h"
#include "services/collector_gateway/stage_verdict.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {
namespace {

constexpr size_t kMaxLineBytes = 512;

// The DETECTION stage that decides: of those that completed the one with the worst verdict.
const v1::StageExecution* DetectionOf(const v1::WorkflowExecution& execution,
                                      const std::vector<int>& stages) {
  std::vector<int> detections;
  for (const int i : stages) {
    const bool has_completed =
        i < execution.stages_size() && execution.stages(i).status() == v1::STAGE_STATUS_COMPLETED;
    if (has_completed &&
        execution.workflow().stages(i).kind() == v1::WORKFLOW_STAGE_KIND_DETECTION) {
      detections.push_back(i);
    }
  }
  const int decided_by = WeighVerdicts(execution, detections).decided_by;
  return decided_by < 0 ? nullptr : &execution.stages(decided_by);
}

v1::Severity SeverityOf(const v1::AlertingStage& config, const v1::StageExecution* detection,
                        const v1::Trigger* trigger) {
  if (config.severity() != v1::SEVERITY_UNSPECIFIED) return config.severity();
  v1::Severity severity = v1::SEVERITY_UNSPECIFIED;
  if (detection != nullptr &&
      v1::Severity_Parse("SEVERITY_" + TextOf(detection->result().result(), "severity"),
                         &severity) &&
      severity != v1::SEVERITY_UNSPECIFIED) {
    return severity;
  }
  if (trigger != nullptr && trigger->severity() != v1::SEVERITY_UNSPECIFIED) {
    return trigger->severity();
  }
  return v1::SEVERITY_MEDIUM;
}

std::string TitleOf(const v1::AlertingStage& config, const v1::StageExecution* detection,
                    const v1::Trigger* trigger, const v1::WorkflowExecution& execution) {
  if (!config.title().empty()) return config.title();
  // What it found, not that it found nothing.
  if (detection != nullptr && detection->result().verdict() >= v1::ANALYSIS_VERDICT_SUSPICIOUS &&
      !detection->result().summary().empty()) {
    return detection->result().summary();
  }
  if (trigger != nullptr && !trigger->description().empty()) return trigger->description();
  if (!execution.workflow().description().empty()) return execution.workflow().description();
  if (!execution.trigger_id().empty()) return "Trigger " + execution.trigger_id();
  return "Workflow " + execution.workflow_id();
}

// Whom the execution is about: the event says most, the target the rest.
void SetSubject(const v1::WorkflowExecution& execution, v1::Alert& alert) {
  const v1::CollectionEvent& event = execution.event();
  const v1::AnalysisTarget& target = execution.target();
  const std::string key(event::ProcessKeyOf(event));
  alert.set_host(event.origin().host().empty() ? target.host() : event.origin().host());
  alert.set_process_key(target.process_key().empty() ? key : target.process_key());
  if (target.has_pid()) {
    alert.set_pid(target.pid());
  } else if (const std::optional<uint32_t> pid = event::PidOf(event)) {
    alert.set_pid(*pid);
  }
  alert.set_process_name(event.process().name());
  alert.set_executable_path(event.process().executable_path().empty()
                                ? target.path()
                                : event.process().executable_path());
  alert.set_correlation_id(execution.correlation_id());
}

void AddAlertEvidence(const v1::Origin& origin, v1::Alert& alert) {
  if (origin.sequence() == 0 || alert.evidence_size() >= alerting::kMaxEvidence) return;
  const bool is_known = std::ranges::any_of(alert.evidence(), [&](const v1::Origin& known) {
    return known.stream_id() == origin.stream_id() && known.sequence() == origin.sequence();
  });
  if (!is_known) *alert.add_evidence() = origin;
}

// The event first, and what else the trigger's match rests on; then of each stage in turn one, so
// that none crowds out the others.
void SetEvidence(const v1::WorkflowExecution& execution, const std::vector<int>& stages,
                 v1::Alert& alert) {
  AddAlertEvidence(execution.event().origin(), alert);
  for (const v1::Origin& origin : execution.evidence()) AddAlertEvidence(origin, alert);
  for (int place = 0; place < alerting::kMaxEvidence; ++place) {
    for (const int i : stages) {
      if (i >= execution.stages_size()) continue;
      const auto& evidence = execution.stages(i).result().evidence();
      if (place < evidence.size()) AddAlertEvidence(evidence[place], alert);
    }
  }
}

// "COMPLETED SUSPICIOUS 0.80: nginx starts sh"; of a stage that judges nothing "COMPLETED: ...".
std::string LineOf(v1::WorkflowStageKind kind, const v1::StageExecution& state) {
  std::string line(NameOf(state.status()));
  if (state.status() == v1::STAGE_STATUS_COMPLETED) {
    const v1::AnalysisResult& result = state.result();
    if (Judges(kind)) {
      line += fmt::format(" {} {:.2f}{}", NameOf(result.verdict()), result.confidence(),
                          result.authoritative() ? "" : " not authoritative");
    }
    if (!result.summary().empty()) line += ": " + result.summary();
  } else if (!state.error().empty()) {
    line += ": " + state.error();
  }
  return std::string(base::Utf8Prefix(line, kMaxLineBytes));
}

void SetDetails(const v1::WorkflowExecution& execution, const std::vector<int>& stages,
                const v1::Trigger* trigger, v1::Alert& alert) {
  auto& details = *alert.mutable_details();
  if (trigger != nullptr) {
    for (const auto& [name, text] : trigger->metadata()) details[name] = text;
  }
  for (const auto& [name, text] : execution.details()) details[name] = text;
  for (const int i : stages) {
    if (i >= execution.stages_size()) continue;
    details["stage." + execution.stages(i).stage_id()] =
        LineOf(execution.workflow().stages(i).kind(), execution.stages(i));
  }
}

void SetAttackIds(const v1::AlertingStage& config, const v1::Trigger* trigger, v1::Alert& alert) {
  const auto add = [&](const std::string& id) {
    const auto& known = alert.attack_ids();
    if (std::ranges::find(known, id) == known.end()) alert.add_attack_ids(id);
  };
  if (trigger != nullptr) {
    for (const std::string& id : trigger->attack_ids()) add(id);
  }
  for (const std::string& id : config.attack_ids()) add(id);
}

alerting::AlertDraft MakeDraft(const v1::WorkflowExecution& execution,
                               const std::vector<int>& stages, const v1::AlertingStage& config,
                               std::string_view stage_id, const v1::Trigger* trigger) {
  alerting::AlertDraft draft;
  draft.id = AlertIdOf(execution.id(), stage_id);
  v1::Alert& alert = draft.alert;
  const v1::StageExecution* detection = DetectionOf(execution, stages);
  alert.set_severity(SeverityOf(config, detection, trigger));
  alert.set_title(TitleOf(config, detection, trigger, execution));
  alert.set_trigger_id(execution.trigger_id());
  alert.set_workflow_id(execution.workflow_id());
  alert.set_execution_id(execution.id());
  SetSubject(execution, alert);
  SetEvidence(execution, stages, alert);
  SetDetails(execution, stages, trigger, alert);
  SetAttackIds(config, trigger, alert);
  v1::Completeness& completeness = *alert.mutable_completeness();
  completeness.set_complete(true);
  for (const std::string& reason : execution.completeness().reasons()) {
    AddReason(reason, completeness);
  }
  const v1::Completeness of_stages = WeighVerdicts(execution, stages).completeness;
  for (const std::string& reason : of_stages.reasons()) AddReason(reason, completeness);
  draft.suppressed = execution.suppressed();
  if (const auto key = execution.details().find("key"); key != execution.details().end()) {
    draft.dedup_scope = key->second;
  }
  draft.dedup_window =
      trigger::DedupWindowOf(trigger == nullptr ? v1::Trigger::default_instance() : *trigger);
  return draft;
}

v1::AnalysisResult ResultOf(const WeighedVerdict& weighed, std::string_view what) {
  v1::AnalysisResult result;
  result.set_verdict(weighed.verdict);
  result.set_confidence(weighed.confidence);
  result.set_authoritative(weighed.authoritative);
  *result.mutable_completeness() = weighed.completeness;
  PutText("alert", what, *result.mutable_result());
  return result;
}

analysis::StageOutcome OutcomeOf(alerting::AlertFate fate, const WeighedVerdict& weighed,
                                 const std::string& id) {
  switch (fate) {
    case alerting::AlertFate::kShed:
      return {.result = absl::UnavailableError("the alert could not be taken now"),
              .alert_ids = {}};
    case alerting::AlertFate::kRefused:
      return {.result = absl::InternalError("the store refuses the alert"), .alert_ids = {}};
    case alerting::AlertFate::kHeldBack: {
      v1::AnalysisResult result = ResultOf(weighed, "held_back");
      result.set_summary("Held back: like an alert that was raised a moment ago");
      return {.result = std::move(result), .alert_ids = {}};
    }
    case alerting::AlertFate::kStored:
      break;
  }
  v1::AnalysisResult result = ResultOf(weighed, "raised");
  PutText("alert_id", id, *result.mutable_result());
  result.set_summary("Raised an alert");
  return {.result = std::move(result), .alert_ids = {id}};
}

// An alert on its way cannot be taken back: what comes of it is told to nobody.
class AlertCall final : public analysis::StageCall {
 public:
  explicit AlertCall(std::shared_ptr<std::atomic<bool>> is_cancelled)
      : is_cancelled_(std::move(is_cancelled)) {}
  void Cancel() override { is_cancelled_->store(true); }

 private:
  const std::shared_ptr<std::atomic<bool>> is_cancelled_;
};

}  // namespace

std::string AlertIdOf(std::string_view execution_id, std::string_view stage_id) {
  absl::StatusOr<std::string> hash = alerting::HmacSha256Hex(execution_id, stage_id);
  if (!hash.ok()) return "";  // the engine chooses one
  std::string hex = hash->substr(0, 32);
  hex[12] = '8';
  hex[16] = "89ab"[static_cast<unsigned char>(hex[16]) % 4];
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

alerting::AlertDraft DraftOfStage(const v1::WorkflowExecution& execution, int stage,
                                  const v1::Trigger* trigger) {
  const v1::WorkflowStage& definition = execution.workflow().stages(stage);
  return MakeDraft(execution, StagesBefore(execution.workflow(), stage), definition.alerting(),
                   definition.id(), trigger);
}

bool NeedsAlertOfFailure(const v1::WorkflowExecution& execution) {
  const bool has_failed = execution.status() == v1::EXECUTION_STATUS_FAILED ||
                          execution.status() == v1::EXECUTION_STATUS_TIMED_OUT;
  if (!has_failed || execution.trigger_id().empty()) return false;
  for (int i = 0; i < execution.stages_size(); ++i) {
    if (execution.workflow().stages(i).kind() == v1::WORKFLOW_STAGE_KIND_ALERTING &&
        execution.stages(i).status() == v1::STAGE_STATUS_COMPLETED) {
      return false;
    }
  }
  return true;
}

alerting::AlertDraft DraftOfFailed(const v1::WorkflowExecution& execution,
                                   const v1::Trigger* trigger) {
  std::vector<int> stages;
  v1::WorkflowStage first;
  for (int i = 0; i < execution.workflow().stages_size(); ++i) {
    const v1::WorkflowStage& definition = execution.workflow().stages(i);
    if (definition.kind() != v1::WORKFLOW_STAGE_KIND_ALERTING) {
      stages.push_back(i);
    } else if (first.id().empty()) {
      first = definition;
    }
  }
  alerting::AlertDraft draft = MakeDraft(execution, stages, first.alerting(), first.id(), trigger);
  // First of all that it did not come to an end.
  v1::Completeness& completeness = *draft.alert.mutable_completeness();
  const v1::Completeness others = completeness;
  completeness.Clear();
  AddReason(fmt::format("workflow {} did not come to an end: {}", execution.workflow_id(),
                        execution.error().empty() ? "it took too long" : execution.error()),
            completeness);
  for (const std::string& reason : others.reasons()) AddReason(reason, completeness);
  return draft;
}

analysis::Begun AlertingStage::Begin(const analysis::StageWork& work, Done done) {
  const v1::WorkflowExecution& execution = *work.execution;
  WeighedVerdict weighed = WeighVerdicts(execution, StagesBefore(execution.workflow(), work.stage));
  if (weighed.verdict == v1::ANALYSIS_VERDICT_CLEAN) {
    v1::AnalysisResult result = ResultOf(weighed, "withheld");
    result.set_summary("No alert: every verdict is CLEAN");
    done({.result = std::move(result), .alert_ids = {}});
    return {.call = EndedCall()};
  }
  const std::shared_ptr<const v1::Trigger> trigger =
      ports_.find_trigger && !execution.trigger_id().empty()
          ? ports_.find_trigger(execution.trigger_id())
          : nullptr;
  alerting::AlertDraft draft = DraftOfStage(execution, work.stage, trigger.get());
  auto is_cancelled = std::make_shared<std::atomic<bool>>(false);
  draft.done = [is_cancelled, weighed = std::move(weighed), id = draft.id,
                done = std::move(done)](alerting::AlertFate fate) {
    if (!is_cancelled->load()) done(OutcomeOf(fate, weighed, id));
  };
  ports_.raise(std::move(draft));
  return {.call = std::make_unique<AlertCall>(std::move(is_cancelled))};
}

}  // namespace daemoneye::gateway
