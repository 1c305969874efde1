// ConnectorReporter: tells what the process events connector told: START, EXEC and STOP of each
// process, with what /proc still has of it.
//
// The connector tells pids. A process that ends before it is looked at is told with
// details_missing, and begins, to the clock tick, when its fork was told.
//
// Threads:    under the tracker's lock.
// Ownership:  borrows the tracker.
// Cost:       what reading a new process costs, for a fork and for an exec; one file for an exit.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/collector/event_source.h"
#include "libs/linux/netlink/proc_connector.h"
#include "libs/sources/process/process_teller.h"
#include "libs/sources/process/process_tracker.h"

namespace daemoneye::process {

inline constexpr std::string_view kConnectorSourceName = "process-connector";

class ConnectorReporter {
 public:
  explicit ConnectorReporter(ProcessTracker& tracker)
      : tracker_(tracker), teller_(tracker, kConnectorSourceName) {}

  // Emits all of `batch`. An error: the sink takes no more.
  absl::Status Report(const netlink::ProcEventBatch& batch, collector::EventSink& sink);

  // True when something was shed on the way, which a scan will tell anew.
  bool has_shed() const { return teller_.has_shed(); }

 private:
  using Event = netlink::ProcEvent;

  void OnFork(const Event& event, collector::EventSink& sink);
  void OnExec(const Event& event, collector::EventSink& sink);
  void OnExit(const Event& event);
  void TellExit(const Event& event, const procfs::ProcStat* stat);
  // What /proc says of the process that `event` is about; NotFound: gone, or another has its pid.
  absl::StatusOr<procfs::ProcStat> ReadStat(const Event& event);
  // The entry of that process. One of another that had its pid is told to have stopped: its exit
  // was lost.
  ProcessTable::Entry* Find(const Event& event, const procfs::ProcStat* stat);
  std::unique_ptr<ProcessRecord> NewRecord(const Event& event, const procfs::ProcStat* stat);
  // Adds it, or gives it to an entry that was given up.
  ProcessRecord& Keep(std::unique_ptr<ProcessRecord> record, ProcessTable::Entry* entry);
  Change UpdateByExec(const procfs::ProcStat* stat, ProcessRecord& record);
  uint64_t TicksOf(const Event& event) const { return tracker_.filler.TicksOf(event.boottime_ns); }

  ProcessTracker& tracker_;
  ProcessTeller teller_;
  std::string previous_executable_;
  // Execs told, by whomever, once all that was heard of is: a scan may tell one first.
  absl::flat_hash_map<uint32_t, uint32_t> execs_due_;
  // Processes whose first thread has ended, and others may not have.
  absl::flat_hash_set<uint32_t> headless_;
  // How many threads a process has begun, and not ended, beside its first.
  absl::flat_hash_map<uint32_t, uint32_t> threads_;
};

}  // namespace daemoneye::process
