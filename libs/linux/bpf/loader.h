// What loading a skeleton's programs has in common.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "libs/linux/bpf/libbpf_log.h"

namespace daemoneye::bpf {

// The status of libbpf's `error` (negative), which it got while it did `what`, with what it said.
// EPERM and EACCES PermissionDenied, ENOMEM and EMFILE ResourceExhausted, a verifier's refusal and
// what a kernel lacks Unimplemented, else Internal.
absl::Status LoadError(int error, std::string_view what, const LibbpfLog& log);

// What newer kernels have, by their BTF.
struct KernelFeatures {
  // sched_process_exit says which thread is the last (6.15).
  bool tells_last_thread = false;
  // bpf_rdonly_cast (6.2).
  bool has_cast = false;
};
// All false where there is no BTF. Reads some megabytes.
KernelFeatures ReadKernelFeatures();

// The id of the link behind `fd`; 0: that is none.
uint32_t LinkId(int fd);

// How often the kernel did not run the program behind `fd`, since it ran on that CPU already; 0
// where it does not tell.
uint64_t MissedCount(int fd);

}  // namespace daemoneye::bpf
