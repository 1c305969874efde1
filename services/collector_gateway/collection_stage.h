// CollectionStage: COLLECTION: a task (MonitorService.ExecuteTask) on the monitors that can tell of
// the target, through gateways below, too.
//
// Asked are the monitors that the stage names, as ListMonitors tells them; else the one that the
// event came from; else those of the target's host; else all that can do it. What it returns:
//
//   records   the payloads, under their proto names, each with "host" and "monitor"
//   read      how many those are: at most max_records, and what fits a result (64 KiB)
//   total     how many came
//   monitors  who was asked: monitor, records, error
//
// Errors: Unavailable: a monitor is away, or none of those asked answered. FailedPrecondition:
//         nobody can do it. One of several that is away makes the result incomplete.
//
// Threads:    BlockingStages'.
// Ownership:  borrows the pool and the links, which outlive it.
// Bounds:     30 s an attempt; 1,000 records.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemoneye/v1/monitor_service.pb.h"
#include "libs/analysis/stage_runner.h"
#include "services/collector_gateway/blocking_stages.h"
#include "services/collector_gateway/link_set.h"

namespace daemoneye::gateway {

class CollectionStage final : public analysis::StageRunner {
 public:
  CollectionStage(BlockingStages& stages, const LinkSet& links) : stages_(stages), links_(links) {}

  analysis::Begun Begin(const analysis::StageWork& work, Done done) override;

 private:
  analysis::StageOutcome Run(const analysis::StageWork& work, std::stop_token stop) const;

  BlockingStages& stages_;
  const LinkSet& links_;
};

// The task that `work` asks for, without its monitors.
v1::ExecuteTaskRequest TaskOf(const analysis::StageWork& work);

}  // namespace daemoneye::gateway
