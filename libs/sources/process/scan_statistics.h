// ScanStatistics: what a process scanner has done since it was made.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace daemoneye::process {

struct ScanStatistics {
  uint64_t scans = 0;
  uint64_t failed_scans = 0;
  // Of the last scan: processes read, processes there, time it took, time it ended.
  uint64_t last_read = 0;
  uint64_t last_total = 0;
  absl::Duration last_duration;
  std::optional<absl::Time> last_end;
  std::optional<absl::Time> last_event_time;

  // Processes whose details are held, their bytes, and processes of which only the life is.
  uint64_t tracked = 0;
  uint64_t tracked_bytes = 0;
  uint64_t untracked = 0;
  // Details given up because a bound was hit.
  uint64_t evicted = 0;
  // Processes that ended while they were read.
  uint64_t vanished = 0;
  // Processes whose files were not what the kernel writes.
  uint64_t unreadable = 0;
  // Processes of the last scan whose executable may not be looked at.
  uint64_t last_inaccessible = 0;

  // Hash requests that found the queue full; they are made again at the next scan.
  uint64_t hashes_deferred = 0;
};

}  // namespace daemoneye::process
