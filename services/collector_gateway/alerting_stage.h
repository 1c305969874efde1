// AlertingStage: ALERTING: the alert of an execution, with the evidence and the completeness of
// every stage before it.
//
// It is withheld when the stages before come to CLEAN (stage_verdict.h): at least one says so, none
// says worse or cannot tell, and all completed. Else it is raised: a doubt is not an all-clear. The
// stage completes once the alert is in the store, or was held back as one like another; an alert
// that could not be taken is tried again (Unavailable). Its id follows from execution and stage, so
// an execution that is resumed, or a stage that is tried again, raises it once.
//
// The result says "raised", "held_back" or "withheld" in `alert`, and `alert_id`.
//
// Threads:    Begin's; the outcome comes from that which stores alerts.
// Ownership:  borrows nothing; Ports' functions may be called as long as it lives.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "daemoneye/v1/trigger.pb.h"
#include "daemoneye/v1/workflow.pb.h"
#include "libs/alerting/alert_draft.h"
#include "libs/analysis/stage_runner.h"

namespace daemoneye::gateway {

struct AlertingPorts {
  // AlertEngine::Raise.
  std::function<void(alerting::AlertDraft)> raise;
  // The trigger of an id as it is now; null: it is no more. May be empty.
  std::function<std::shared_ptr<const v1::Trigger>(const std::string& id)> find_trigger = {};
};

class AlertingStage final : public analysis::StageRunner {
 public:
  explicit AlertingStage(AlertingPorts ports) : ports_(std::move(ports)) {}

  analysis::Begun Begin(const analysis::StageWork& work, Done done) override;

 private:
  const AlertingPorts ports_;
};

// UUID text (RFC 9562, version 8) that follows from the two.
std::string AlertIdOf(std::string_view execution_id, std::string_view stage_id);

// The alert of stage `stage` of an execution. `trigger` may be null.
alerting::AlertDraft DraftOfStage(const v1::WorkflowExecution& execution, int stage,
                                  const v1::Trigger* trigger);

// Whether an execution has ended without the alert that its trigger would have raised: it FAILED or
// TIMED_OUT, and no ALERTING stage completed.
bool NeedsAlertOfFailure(const v1::WorkflowExecution& execution);

// That alert, incomplete, with the stage that failed among the reasons; its id is that of the first
// ALERTING stage's. `trigger` may be null.
alerting::AlertDraft DraftOfFailed(const v1::WorkflowExecution& execution,
                                   const v1::Trigger* trigger = nullptr);

}  // namespace daemoneye::gateway
