// ProcEvent: what the kernel's process events connector tells of one task (linux/cn_proc.h).
#pragma once

#include <cstdint>

namespace daemoneye::netlink {

// The kernel's PROC_EVENT_*: bits of a mask, each message is of one.
enum class ProcEventKind : uint32_t {
  // The answer to a subscription.
  kAcknowledge = 0,
  kFork = 0x00000001,
  kExec = 0x00000002,
  kUser = 0x00000004,
  kGroup = 0x00000040,
  kSession = 0x00000080,
  kTrace = 0x00000100,
  kName = 0x00000200,
  kCoreDump = 0x40000000,
  kExit = 0x80000000,
};
constexpr uint32_t MaskOf(ProcEventKind kind) { return static_cast<uint32_t>(kind); }

// All that the kernel tells, also what it will tell one day.
inline constexpr uint32_t kAllProcEvents = 0xffffffff;

// Pids are those of the initial pid namespace.
struct ProcEvent {
  ProcEventKind kind = ProcEventKind::kAcknowledge;
  uint32_t cpu = 0;
  // CLOCK_MONOTONIC, as the kernel tells it.
  uint64_t monotonic_ns = 0;
  // CLOCK_BOOTTIME: what start_ticks of /proc/PID/stat counts. The reader sets it.
  uint64_t boottime_ns = 0;
  // The process and the thread: of a fork the new one.
  uint32_t pid = 0;
  uint32_t tid = 0;
  // Forks, and exits since Linux 4.18: the process that is the parent. 0: not told.
  uint32_t parent_pid = 0;
  // Exits: of the thread, as wait(2) has it.
  uint32_t wait_status = 0;
  // kUser, kGroup.
  uint32_t real_id = 0;
  uint32_t effective_id = 0;
  // kAcknowledge: an errno; 0: subscribed.
  uint32_t error = 0;

  // Of a thread that is not its process's first one.
  bool is_of_thread() const { return pid != tid; }
};

}  // namespace daemoneye::netlink
