// AnalyzerStage: ANALYSIS, and DETECTION by an analyzer: one request to an analyzer of the pool.
//
// The request carries the target, the event, the parameters and the results of all stages that have
// completed; its id, made of execution and stage, is the same for every attempt.
//
// Threads:    Begin's; the outcome comes from the analyzer's.
// Ownership:  borrows the pool, which outlives it.
#pragma once

#include "libs/analysis/analyzer_pool.h"
#include "libs/analysis/stage_runner.h"

namespace daemoneye::gateway {

class AnalyzerStage final : public analysis::StageRunner {
 public:
  explicit AnalyzerStage(analysis::AnalyzerPool& pool) : pool_(pool) {}

  analysis::Begun Begin(const analysis::StageWork& work, Done done) override;

 private:
  analysis::AnalyzerPool& pool_;
};

// What the analyzer of a stage is asked.
v1::AnalyzeRequest AnalyzeRequestOf(const analysis::StageWork& work);

}  // namespace daemoneye::gateway
