// Workflows and their executions as tables and lines for people. All of it is safe to print.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <string>
#include <vector>

#include "daemoneye/v1/gateway_service.pb.h"
#include "daemoneye/v1/workflow.pb.h"
#include "tools/eyectl/terminal.h"

namespace daemoneye::eyectl {

std::string WorkflowsText(const google::protobuf::RepeatedPtrField<v1::Workflow>& workflows);
// What it is, and a row a stage.
std::string WorkflowText(const v1::Workflow& workflow);

// A row an execution.
std::string ExecutionsText(const google::protobuf::RepeatedPtrField<v1::WorkflowExecution>& list);
// A headline, what it is about, and a row a stage with what it came to.
std::string ExecutionText(const v1::WorkflowExecution& execution, const Style& style);
// A line for each difference between two states: of a stage, or of the whole, whose end
// ExecutionText tells.
std::string ChangesText(const v1::WorkflowExecution& before, const v1::WorkflowExecution& now,
                        const Style& style);

std::string AnalyzersText(const google::protobuf::RepeatedPtrField<v1::AnalyzerLink>& analyzers);

bool HasEnded(const v1::WorkflowExecution& execution);

}  // namespace daemoneye::eyectl
