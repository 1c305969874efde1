#include "libs/linux/procfs/cmdline_size.h"

#include <fcntl.h>
#include <unistd.h>

#include "libs/base/unique_fd.h"

namespace daemoneye::procfs {

uint64_t FindCmdlineSize(int process_fd, uint64_t known_bytes) {
  constexpr uint64_t kLimitBytes = uint64_t{1} << 30;
  const base::UniqueFd file(::openat(process_fd, "cmdline", O_RDONLY | O_CLOEXEC));
  const auto is_longer_than = [&](uint64_t bytes) {
    char byte;
    return file.valid() && ::pread(file.get(), &byte, 1, static_cast<off_t>(bytes)) == 1;
  };
  uint64_t low = known_bytes;  // it has at least `low` bytes
  uint64_t high = known_bytes;
  while (high < kLimitBytes && is_longer_than(high)) {
    low = high + 1;
    high *= 2;
  }
  if (high >= kLimitBytes) return kLimitBytes;
  while (low < high) {  // and at most `high`
    const uint64_t middle = low + (high - low) / 2;
    if (is_longer_than(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace daemoneye::procfs
