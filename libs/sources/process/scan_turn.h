// ScanTurn: what scans by either reader have in common: their beginning, what they tell, their end.
//
// Threads:    under the tracker's lock.
// Ownership:  borrows the tracker and the teller.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/collector/event_source.h"
#include "libs/sources/process/process_teller.h"
#include "libs/sources/process/process_tracker.h"
#include "libs/sources/process/scan_statistics.h"

namespace daemoneye::process {

inline constexpr std::string_view kScanSourceName = "process-scan";

class ScanTurn {
 public:
  ScanTurn(ProcessTracker& tracker, ProcessTeller& teller) : tracker_(tracker), teller_(teller) {}

  absl::Status Begin();
  // The part of `pids`, in ascending order, that this scan looks at.
  void Choose(const std::vector<pid_t>& pids, std::vector<pid_t>& chosen);

  void TellNew(std::unique_ptr<ProcessRecord> record, collector::EventSink& sink);
  void Restore(std::unique_ptr<ProcessRecord> record, ProcessTable::Entry& entry);
  // `changes` were found in `record`, which was `previous`.
  void TellKnown(Change changes, const ProcessFacts& previous, ProcessRecord& record,
                 collector::EventSink& sink);
  // Pid and order of those in the table that this scan did not list, the youngest first: a parent
  // is still there to be named by its child.
  const std::vector<std::pair<uint32_t, uint64_t>>& FindMissing();
  // Of a process of the table, which goes from it.
  void TellStop(uint32_t pid);

  void End(base::Monotonic begin, size_t read, size_t total, collector::EventSink& sink);

  uint32_t number() const { return tracker_.scan; }
  // True of a process that was there before the sources were.
  bool RanBefore(uint64_t start_ticks) const {
    return tracker_.scan == 1 || start_ticks < first_ticks_;
  }
  ScanStatistics& statistics() { return statistics_; }
  const ScanStatistics& statistics() const { return statistics_; }

 private:
  ProcessTracker& tracker_;
  ProcessTeller& teller_;
  uint64_t first_ticks_ = 0;
  pid_t last_pid_ = 0;
  std::vector<std::pair<uint32_t, uint64_t>> missing_;
  uint64_t reported_sent_ = 0;
  ScanStatistics statistics_;
};

}  // namespace daemoneye::process
