// What the stages before one come to, taken together.
//
// Verdicts are those of DETECTION and ANALYSIS stages; COLLECTION and ENRICHMENT judge nothing, but
// where they did not complete, or not on the whole, nobody can say that all is well. The worst
// counts: MALICIOUS, SUSPICIOUS, UNKNOWN, CLEAN. Before that each is weighed:
//
//   MALICIOUS    needs to be authoritative, with a confidence of 0.5 or more; else SUSPICIOUS
//   SUSPICIOUS   counts as it is: to look is cheap
//   CLEAN        needs both as well, and a complete result; else UNKNOWN
//   any          with a confidence of 0: UNKNOWN
//
// A stage that failed, timed out, was cancelled or skipped: UNKNOWN, optional or not. No verdict at
// all: UNKNOWN. The confidence is the highest of those that have the worst verdict; of CLEAN the
// lowest.
//
// Threads: stateless; any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemoneye/v1/workflow.pb.h"

namespace daemoneye::gateway {

struct WeighedVerdict {
  v1::AnalysisVerdict verdict = v1::ANALYSIS_VERDICT_UNKNOWN;
  double confidence = 0;
  // Those that it follows from are.
  bool authoritative = false;
  // The place of the stage that it follows from; -1: none.
  int decided_by = -1;
  // Whether what it rests on was whole: a reason for each stage that did not complete, was not
  // authoritative, or says so itself.
  v1::Completeness completeness;
};

// Whether a stage of that kind comes to a verdict.
bool Judges(v1::WorkflowStageKind kind);

// Places of the stages that `stage` waits for, directly or not, in the order of the definition.
std::vector<int> StagesBefore(const v1::Workflow& workflow, int stage);

WeighedVerdict WeighVerdicts(const v1::WorkflowExecution& execution,
                             const std::vector<int>& stages);

// Without its prefix: "CLEAN", "COMPLETED".
std::string_view NameOf(v1::AnalysisVerdict verdict);
std::string_view NameOf(v1::StageStatus status);

}  // namespace daemoneye::gateway
