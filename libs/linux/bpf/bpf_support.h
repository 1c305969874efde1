// BpfSupport: may this process use BPF on this kernel, and if not, why.
//
// Found by looking, without loading anything: what it says is possible may still be refused
// (seccomp, an LSM, an old kernel), and then Open() of the reader says so.
//
// Threads:    any.
// Cost:       some files of /proc and /sys; blocks as they do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace daemoneye::bpf {

struct BpfSupport {
  std::string kernel_release;
  // /sys/kernel/btf/vmlinux, by which the programs are fitted to the kernel.
  bool has_btf = false;
  // Effective, and in the initial user namespace.
  bool has_cap_bpf = false;
  bool has_cap_perfmon = false;
  bool has_cap_sys_admin = false;
  bool is_in_initial_user_namespace = false;
  // False: a container without the host's pids. The probe still sees all of the machine, but scans
  // and /proc show only what is in it.
  bool is_in_initial_pid_namespace = false;
  // none, integrity or confidentiality; empty: the kernel does not tell.
  std::string lockdown;
  uint64_t pid_namespace_inode = 0;
  // Controllers hang on hierarchies of their own.
  bool has_v1_cgroups = false;

  // What stands against it, each a sentence's part that names what would mend it; empty: nothing.
  std::vector<std::string> Obstacles() const;
  // OK, or Unimplemented (this kernel cannot) or PermissionDenied (this process may not), with all
  // obstacles.
  absl::Status Check() const;
};

BpfSupport ReadBpfSupport();

}  // namespace daemoneye::bpf
