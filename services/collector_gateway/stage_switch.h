// StageSwitch: hands each stage of a workflow to who does its kind.
//
// Threads:    as the runners.
// Ownership:  borrows the runners, which outlive it.
#pragma once

#include "libs/analysis/stage_runner.h"

namespace daemoneye::gateway {

struct StageRunners {
  analysis::StageRunner& collection;
  analysis::StageRunner& enrichment;
  analysis::StageRunner& detection;
  analysis::StageRunner& alerting;
  analysis::StageRunner& analyzer;
};

class StageSwitch final : public analysis::StageRunner {
 public:
  explicit StageSwitch(const StageRunners& runners) : runners_(runners) {}

  analysis::Begun Begin(const analysis::StageWork& work, Done done) override {
    return RunnerOf(work.definition()).Begin(work, std::move(done));
  }

 private:
  analysis::StageRunner& RunnerOf(const v1::WorkflowStage& stage) const {
    switch (stage.kind()) {
      case v1::WORKFLOW_STAGE_KIND_COLLECTION:
        return runners_.collection;
      case v1::WORKFLOW_STAGE_KIND_ENRICHMENT:
        return runners_.enrichment;
      case v1::WORKFLOW_STAGE_KIND_ALERTING:
        return runners_.alerting;
      case v1::WORKFLOW_STAGE_KIND_DETECTION:
        return stage.analyzer().empty() ? runners_.detection : runners_.analyzer;
      default:  // ANALYSIS: no other passes CheckWorkflow
        return runners_.analyzer;
    }
  }

  const StageRunners runners_;
};

}  // namespace daemoneye::gateway
