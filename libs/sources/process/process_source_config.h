// ProcessSourceConfig: what a user can set about watching processes by scans.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace daemoneye::process {

// Which processes a scan sends a SAMPLE of.
enum class SamplePolicy {
  // Those that used CPU or changed their resident memory since the last scan.
  kChanged,
  kAll,
  kNone,
};

struct ProcessSourceConfig {
  // Time from scan to scan, 5 s to 1 h.
  absl::Duration collection_interval = absl::Seconds(30);
  // False leaves out CPU, memory, start time, user name, cgroup, namespaces and capabilities.
  bool collect_enhanced_metadata = true;
  // Processes that one scan reads; the next goes on behind them. 0: all.
  size_t max_processes_per_cycle = 0;
  bool compute_executable_hashes = false;
  // False leaves out START, EXEC and MODIFIED: state is kept up by SNAPSHOT and STOP.
  bool track_process_lifecycle = true;
  // False leaves out SUSPICIOUS.
  bool detect_suspicious_events = true;
  SamplePolicy samples = SamplePolicy::kChanged;
  // Takes secrets out of command lines.
  bool redact_command_lines = true;
  // Processes whose details are kept; of more, only that they live.
  size_t max_tracked_processes = 10'000;
  size_t max_tracked_bytes = 32 << 20;
  // Of the ring through which the kernel tells of processes: a power of two, 4 KiB to 1 GiB.
  size_t kernel_ring_bytes = 8 << 20;
  // A larger image, or one that takes longer, is not hashed.
  uint64_t max_hash_file_bytes = 512 << 20;
  absl::Duration max_hash_time = absl::Seconds(10);

  // InvalidArgument names the field and what would be right.
  absl::Status Validate() const;
};

}  // namespace daemoneye::process
