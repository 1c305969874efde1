// Parses /proc/PID/status. Pure; any bytes are safe.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "libs/linux/procfs/proc_status.h"

namespace daemoneye::procfs {

// Uid and Gid must be there (else DataLoss, naming the field), all else may lack; unknown lines are
// passed over. A name cannot forge a line: the kernel escapes newlines in `Name:`.
absl::StatusOr<ProcStatus> ParseStatus(std::string_view text);

}  // namespace daemoneye::procfs
