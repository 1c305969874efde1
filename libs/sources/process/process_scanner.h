// ProcessScanner: one scan after another of a procfs, and what each found different.
//
// Threads:    one at a time; takes the tracker's lock for each process.
// Ownership:  borrows the tracker and the turn.
// Cost:       for a process that did not change: its files, four lookups, no allocation.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/collector/event_source.h"
#include "libs/linux/procfs/pid_lister.h"
#include "libs/sources/process/process_teller.h"
#include "libs/sources/process/process_tracker.h"
#include "libs/sources/process/scan_turn.h"

namespace daemoneye::process {

class ProcessScanner {
 public:
  ProcessScanner(ProcessTracker& tracker, ProcessTeller& teller, ScanTurn& turn)
      : tracker_(tracker), teller_(teller), turn_(turn) {}

  // One scan, of all processes or of the next max_processes_per_cycle. Cancelled when stopped in
  // the middle; else an error says why there was no scan, or that the sink takes no more.
  absl::Status Scan(const std::stop_token& stop, collector::EventSink& sink);

  // Looks at one process, which the kernel's task iterator does not show; of those that began at
  // `live_since` or later a live source tells. Under the tracker's lock.
  void VisitHidden(uint32_t pid, std::optional<uint64_t> live_since, collector::EventSink& sink);

 private:
  enum class Look { kFirst, kLast };

  absl::Status Begin();
  absl::Status VisitChosen(const std::stop_token& stop, collector::EventSink& sink);
  absl::Status Visit(uint32_t pid, Look look, collector::EventSink& sink);
  std::unique_ptr<ProcessRecord> ReadNew(const procfs::ProcStat& stat);
  void VisitNew(const procfs::ProcStat& stat, Look look, collector::EventSink& sink);
  void VisitKnown(const procfs::ProcStat& stat, ProcessRecord& record, collector::EventSink& sink);

  ProcessTracker& tracker_;
  ProcessTeller& teller_;
  ScanTurn& turn_;
  std::optional<procfs::PidLister> lister_;
  std::vector<pid_t> pids_;
  // The part of pids_ that this scan reads.
  std::vector<pid_t> chosen_;
  // Those that this scan met in the middle of an exec.
  std::vector<uint32_t> in_exec_;
  std::string previous_executable_;
};

}  // namespace daemoneye::process
