// EnrichmentStage: ENRICHMENT: what the gateway itself knows of the target. What it returns:
//
//   found              whether the target is known at all
//   process            of one process: what it is, below "ancestry" the same of each ancestor:
//                      process_key, pid, name, executable_path, command_line, host, monitor,
//                      start_time, end_time, living, origin
//   processes          of a target that several processes fit: each of them
//   ancestry           the parent first; ancestry_complete: whether it reaches the first process
//   container          in_container, container_id, pod_uid, cgroup_path, container_pid
//   user               user_id, user_name, effective_user_id, group_id, login_user_id
//   hash               executable_hash, hash_algorithm, hash_state, and what hash_baseline has of
//                      the path; matches_baseline where both are known
//   history            the last 50 events of the process, the newest first
//
// What is not known is not there. It judges nothing: its verdict is UNKNOWN. A target that nobody
// knows, an ancestor that is missing and a store that is not there make the result incomplete.
//
// Threads:    BlockingStages'.
// Ownership:  borrows the pool and what Ports names, which outlive it.
// Bounds:     a result 64 KiB: what does not fit is left out, the oldest history first, and told.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "daemoneye/v1/types.pb.h"
#include "libs/analysis/stage_runner.h"
#include "services/collector_gateway/blocking_stages.h"
#include "services/collector_gateway/process_lookup.h"

namespace daemoneye::gateway {

struct EnrichmentPorts {
  BlockingStages& stages;
  ProcessLookup::Ports lookup;
  // Whether what was seen of a host is whole. May be empty.
  std::function<v1::Completeness(const std::string& host)> completeness;
};

class EnrichmentStage final : public analysis::StageRunner {
 public:
  explicit EnrichmentStage(EnrichmentPorts ports)
      : ports_(std::move(ports)), lookup_(ports_.lookup) {}

  analysis::Begun Begin(const analysis::StageWork& work, Done done) override;

 private:
  analysis::StageOutcome Run(const analysis::StageWork& work, std::stop_token stop) const;

  const EnrichmentPorts ports_;
  const ProcessLookup lookup_;
};

}  // namespace daemoneye::gateway
