// How long a command line is that is too long to read.
#pragma once

#include <cstdint>

namespace daemoneye::procfs {

// Size of the file "cmdline" below `process_fd`, of which `known_bytes` were read, found by reading
// single bytes (about 30): the kernel tells it nobody but tracers. At least `known_bytes`, and not
// beyond 1 GiB.
uint64_t FindCmdlineSize(int process_fd, uint64_t known_bytes);

}  // namespace daemoneye::procfs
