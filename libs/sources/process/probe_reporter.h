// ProbeReporter: tells what the kernel's programs recorded: START, EXEC and STOP of each process.
//
// Threads:    under the tracker's lock.
// Ownership:  borrows the tracker.
// Cost:       no call of the kernel, but where a cgroup is new, an image deleted or in memory, or
//             hashes are wanted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/collector/event_source.h"
#include "libs/linux/bpf/process_probe.h"
#include "libs/sources/process/process_teller.h"
#include "libs/sources/process/process_tracker.h"

namespace daemoneye::process {

inline constexpr std::string_view kExecSourceName = "process-exec";

class ProbeReporter {
 public:
  explicit ProbeReporter(ProcessTracker& tracker)
      : tracker_(tracker), teller_(tracker, kExecSourceName) {}

  // Emits all of `batch`. An error: the sink takes no more.
  absl::Status Report(const bpf::ProbeBatch& batch, collector::EventSink& sink);

  // True when something was shed on the way, which a scan will tell anew.
  bool has_shed() const { return teller_.has_shed(); }

 private:
  void OnFork(const bpf::ProbeRecord& record, collector::EventSink& sink);
  void OnExec(const bpf::ProbeRecord& record, collector::EventSink& sink);
  void OnExit(const bpf::ProbeRecord& record);
  // The entry of the process that `task` is. One of another process that had its pid is told to
  // have stopped: its record was lost.
  ProcessTable::Entry* Find(const bpf::TaskRecord& task);

  ProcessTracker& tracker_;
  ProcessTeller teller_;
  std::string previous_executable_;
};

}  // namespace daemoneye::process
