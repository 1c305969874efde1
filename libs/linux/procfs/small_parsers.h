// The one-value files and links of a procfs. Pure; any bytes are safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::procfs {

// /proc/PID/loginuid and sessionid: a number, of which 4294967295 means unset (nullopt). DataLoss
// names `file`.
absl::StatusOr<std::optional<uint32_t>> ParseAuditId(std::string_view file, std::string_view text);

// Target of /proc/PID/ns/NAME, "mnt:[4026531832]": the inode. DataLoss when it is not of `kind`.
absl::StatusOr<uint64_t> ParseNamespaceLink(std::string_view kind, std::string_view target);

// /proc/sys/kernel/random/boot_id: a lower-case UUID and a newline.
absl::StatusOr<std::string> ParseBootId(std::string_view text);

// Name of a terminal below /dev by its device number (ProcStat::tty_nr, as in the kernel's
// devices.txt): "pts/0", "tty1", "ttyS0", "console"; "4:70" as major:minor for one without a name
// here; empty for 0.
std::string TtyName(uint32_t tty_nr);

}  // namespace daemoneye::procfs
