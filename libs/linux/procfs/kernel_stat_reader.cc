#include "libs/linux/procfs/kernel_stat_reader.h"

#include <string_view>

namespace daemoneye::procfs {

absl::StatusOr<KernelStat> KernelStatReader::Read() {
  std::string_view text;
  if (const int error = ReadFileAt(fs_.root_fd(), "stat", buffer_, text)) {
    return ErrnoStatus(error, "cannot read file=/stat");
  }
  return ParseKernelStat(text);
}

}  // namespace daemoneye::procfs
