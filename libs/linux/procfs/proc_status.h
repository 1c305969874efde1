// ProcStatus: what /proc/PID/status says that stat does not (proc_pid_status(5)).
#pragma once

#include <cstdint>
#include <optional>

namespace daemoneye::procfs {

// The four ids of a kind, in the order of the file.
struct Credential {
  uint32_t real = 0;
  uint32_t effective = 0;
  uint32_t saved = 0;
  uint32_t filesystem = 0;

  friend bool operator==(const Credential&, const Credential&) = default;
};

// Bit n is capability n (capabilities(7)).
struct CapabilitySets {
  uint64_t inheritable = 0;
  uint64_t permitted = 0;
  uint64_t effective = 0;
  uint64_t bounding = 0;
  uint64_t ambient = 0;

  friend bool operator==(const CapabilitySets&, const CapabilitySets&) = default;
};

// Ids are as the reader's user namespace maps them. What this kernel does not tell is absent.
struct ProcStatus {
  Credential uid;
  Credential gid;
  std::optional<CapabilitySets> capabilities;
  // Its pid in its own, innermost pid namespace, and how many namespaces below this procfs's that
  // is: 0 when it is the same one (NSpid).
  std::optional<uint32_t> innermost_pid;
  uint32_t pid_namespace_depth = 0;
  // 0: nobody traces it.
  std::optional<uint32_t> tracer_pid;
  std::optional<uint32_t> thread_count;
  // Since 6.8; before, see ProcStat::is_kernel_thread().
  std::optional<bool> is_kernel_thread;
  std::optional<bool> has_no_new_privileges;
  // 0 off, 1 strict, 2 filter.
  std::optional<uint32_t> seccomp_mode;
};

}  // namespace daemoneye::procfs
