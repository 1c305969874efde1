// Parses /proc/stat (proc_stat(5)). Pure; any bytes are safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::procfs {

// The counters that this project uses.
struct KernelStat {
  // Processes and threads started since boot, in all pid namespaces: the kernel's own count of
  // forks and clones, which a live process source is held against.
  uint64_t processes_started_count = 0;
  // Wall time of the boot, whole seconds since 1970.
  int64_t boot_time_seconds = 0;
  uint64_t running_count = 0;
  uint64_t blocked_count = 0;
};

// DataLoss names the field; `processes` and `btime` must be there.
absl::StatusOr<KernelStat> ParseKernelStat(std::string_view text);

}  // namespace daemoneye::procfs
