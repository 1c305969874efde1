// Parses /proc/PID/stat. Pure; any bytes are safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "libs/linux/procfs/proc_stat.h"

namespace daemoneye::procfs {

// The name ends at the last ')', since a process may call itself ") R 1". DataLoss names the field;
// the fields up to rss must be there, later ones may lack. ProcStat::comm is a view of `text`.
absl::StatusOr<ProcStat> ParseStat(std::string_view text, int64_t page_bytes);

}  // namespace daemoneye::procfs
