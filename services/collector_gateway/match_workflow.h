// What a trigger's match asks for, as a workflow's execution.
//
// Threads: stateless; any.
#pragma once

#include "daemoneye/v1/workflow.pb.h"
#include "libs/trigger/trigger_match.h"

namespace daemoneye::gateway {

// Of a trigger with a target_collector: that analyzer is asked within the trigger's request_timeout
// and, whatever comes of it but an all-clear, an alert is raised.
v1::Workflow WorkflowOfTarget(const v1::Trigger& trigger);

// `workflow`, about what matched.
v1::WorkflowExecution ExecutionOf(const trigger::TriggerMatch& match, const v1::Workflow& workflow);

}  // namespace daemoneye::gateway
