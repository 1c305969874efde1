// KernelStatReader: reads the counters of /proc/stat.
//
// Threads:    one at a time.
// Ownership:  borrows the ProcFs, which outlives it; a buffer of 16 KiB, grown to what is needed.
// Cost:       see procfs_benchmark; grows with the number of CPUs and interrupts.
#pragma once

#include "absl/status/statusor.h"
#include "libs/linux/procfs/file_reader.h"
#include "libs/linux/procfs/kernel_stat_parser.h"
#include "libs/linux/procfs/proc_fs.h"

namespace daemoneye::procfs {

class KernelStatReader {
 public:
  explicit KernelStatReader(const ProcFs& fs) : fs_(fs), buffer_(16'384) {}

  absl::StatusOr<KernelStat> Read();

 private:
  const ProcFs& fs_;
  TextBuffer buffer_;
};

}  // namespace daemoneye::procfs
