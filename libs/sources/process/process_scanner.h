// ProcessScanner: one scan after another of a procfs, and what each found different.
//
// The core of ScanSource, without thread or lock.
//
// Threads:    one at a time.
// Ownership:  borrows the procfs, the hasher, the own processes and the clock.
// Cost:       for a process that did not change: its files, four lookups, no allocation.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/collector/event_source.h"
#include "libs/linux/procfs/pid_lister.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/sources/process/executable_hasher.h"
#include "libs/sources/process/own_processes.h"
#include "libs/sources/process/package_database.h"
#include "libs/sources/process/process_source_config.h"
#include "libs/sources/process/process_table.h"
#include "libs/sources/process/record_event.h"
#include "libs/sources/process/record_reader.h"
#include "libs/sources/process/scan_output.h"
#include "libs/sources/process/scan_statistics.h"
#include "libs/sources/process/suspicion_watch.h"

namespace daemoneye::process {

class ProcessScanner {
 public:
  ProcessScanner(const procfs::ProcFs& fs, const ProcessSourceConfig& config,
                 ExecutableHasher& hasher, const OwnProcesses& own, base::Clock& clock,
                 PackageDatabase packages = PackageDatabase());

  // In force from the next scan on.
  void SetConfig(const ProcessSourceConfig& config);

  // One scan, of all processes or of the next max_processes_per_cycle. Cancelled when stopped in
  // the middle; else an error says why there was no scan, or that the sink takes no more.
  absl::Status Scan(const std::stop_token& stop, collector::EventSink& sink);

  // Emits what the hasher has found since.
  absl::Status ApplyHashes(collector::EventSink& sink);

  const ScanStatistics& statistics() const { return statistics_; }

 private:
  absl::Status Begin();
  void Choose();
  enum class Look { kFirst, kLast };

  absl::Status VisitChosen(const std::stop_token& stop, collector::EventSink& sink);
  absl::Status Visit(uint32_t pid, Look look, collector::EventSink& sink);
  void VisitNew(const procfs::ProcStat& stat, Look look, collector::EventSink& sink);
  void VisitKnown(const procfs::ProcStat& stat, ProcessRecord& record, collector::EventSink& sink);
  void Restore(const procfs::ProcStat& stat, ProcessTable::Entry& entry);
  void EmitChange(Change changes, ProcessRecord& record, collector::EventSink& sink);
  void EmitSuspicions(const ProcessFacts* previous, ProcessRecord& record);
  void EmitStop(uint32_t pid, const ProcessTable::Entry& entry);
  void EmitStopsOfMissing();
  void RequestHash(ProcessRecord& record);
  absl::Status ApplyHash(const HashResult& result, collector::EventSink& sink);
  void NoteShed();
  void End(base::Monotonic begin, collector::EventSink& sink);

  const procfs::ProcFs& fs_;
  ExecutableHasher& hasher_;
  const OwnProcesses& own_;
  base::Clock& clock_;
  ProcessSourceConfig config_;
  std::optional<procfs::PidLister> lister_;
  RecordReader reader_;
  ProcessTable table_;
  RecordEventBuilder builder_;
  SuspicionWatch watch_;
  ScanOutput output_;

  uint32_t scan_ = 0;
  // What began before then ran before the source.
  uint64_t first_ticks_ = 0;
  std::vector<pid_t> pids_;
  // The part of pids_ that this scan reads, and the last pid of the one before.
  std::vector<pid_t> chosen_;
  pid_t last_pid_ = 0;
  // Those that this scan met in the middle of an exec.
  std::vector<uint32_t> in_exec_;
  std::string previous_executable_;
  std::vector<std::pair<uint32_t, uint64_t>> missing_;
  uint64_t reported_evicted_ = 0;
  uint64_t reported_sent_ = 0;
  ScanStatistics statistics_;
};

}  // namespace daemoneye::process
