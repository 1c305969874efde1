// TaskRecord: a process as the kernel's own structures tell it, and ProbeRecord: what happened to
// one.
//
// The fields are those of procfs::ProcStat, ProcStatus, ExeLink, Cmdline and NamespaceInodes, with
// their names, units and meanings; task_reader_kernel_test holds the two together.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "libs/linux/procfs/proc_links.h"
#include "libs/linux/procfs/proc_status.h"

namespace daemoneye::bpf {

// Views are of the reader's memory: see there how long they last.

// The file that a process runs.
struct Image {
  // Of the file system. On some that lie over others (overlayfs) stat(2) tells another.
  uint64_t device = 0;
  uint64_t inode = 0;
  // File type and permission bits, st_mode.
  uint32_t mode = 0;
  // As the initial user namespace has it, without what the mount maps.
  uint32_t owner_uid = 0;

  friend bool operator==(const Image&, const Image&) = default;
};

// Pids are those of the pid namespace that the reader was opened for, user and group ids those of
// the initial user namespace.
struct TaskRecord {
  // 0: not visible there.
  uint32_t pid = 0;
  // 0: none, or not visible there.
  uint32_t ppid = 0;
  uint32_t pgrp = 0;
  uint32_t session = 0;
  // In the initial pid namespace, and in its own, innermost one.
  uint32_t host_pid = 0;
  uint32_t innermost_pid = 0;
  uint32_t pid_namespace_depth = 0;
  // As /proc/PID/stat has it: see procfs::TtyName(). 0: none.
  uint32_t tty_nr = 0;

  // CLOCK_BOOTTIME: what start_ticks of /proc/PID/stat is cut from.
  uint64_t start_boottime_ns = 0;
  // 0: no parent that is visible there.
  uint64_t parent_start_boottime_ns = 0;
  // Grows by one with each exec, over fork too.
  uint64_t exec_id = 0;

  std::string_view comm;
  // One letter, proc_pid_stat(5).
  char state = 0;
  // PF_* of the kernel's sched.h.
  uint32_t flags = 0;
  uint32_t thread_count = 0;
  procfs::Credential uid;
  procfs::Credential gid;
  procfs::CapabilitySets capabilities;
  std::optional<uint32_t> login_uid;
  std::optional<uint32_t> audit_session;
  procfs::NamespaceInodes namespaces;
  // Its cgroup of the v2 hierarchy: the inode number of its directory.
  uint64_t cgroup_id = 0;
  // The same for processes that are in the same cgroup of every hierarchy with a controller, for as
  // long as the machine runs: what /proc/PID/cgroup says of one holds for all.
  uint64_t cgroup_key = 0;

  // Absent: kernel thread or zombie.
  std::optional<Image> image;
  // What /proc/PID/exe names, without " (deleted)". Empty: it has none, or it was not read.
  std::string_view executable;
  bool is_deleted = false;
  bool is_memfd = false;
  // What /proc/PID/cwd names.
  std::string_view directory;
  // As procfs::Cmdline, but for are_arguments_overwritten().
  std::string_view arguments;
  uint64_t total_argument_bytes = 0;
  // The arguments were paged out, or the process went away: from some byte on they are missing.
  bool are_arguments_unread = false;
  // A path is longer than PATH_MAX, or changed while it was walked.
  bool are_paths_unread = false;
  // Scans only: read in the middle of an exec, so it may be of either image, or have no arguments.
  // See procfs::ProcStat::lacks_layout().
  bool is_in_exec = false;

  // It wrote a title over them and beyond: /proc/PID/cmdline has all of it.
  bool are_arguments_overwritten() const {
    return !arguments.empty() && !are_arguments_truncated() && arguments.back() != '\0';
  }
  bool are_arguments_truncated() const { return total_argument_bytes > arguments.size(); }
  // PF_KTHREAD.
  bool is_kernel_thread() const { return (flags & 0x00200000u) != 0; }
  bool is_zombie() const { return state == 'Z' || state == 'X'; }
  // A process ends with its last thread, not with its first.
  bool has_ended() const { return is_zombie() && thread_count <= 1; }
  // PF_EXITING: the end may have been told, which comes before the zombie.
  bool is_ending() const { return (flags & 0x00000004u) != 0 && thread_count <= 1; }
  // As in /proc/PID/stat, for a reader in the initial time namespace.
  uint64_t start_ticks(uint64_t ticks_per_second) const {
    return start_boottime_ns / (1'000'000'000 / ticks_per_second);
  }

  // Scans: all threads, the dead ones included, to the nanosecond. Of an exit: of the process, but
  // for threads that end in the same moment.
  uint64_t cpu_ns = 0;
  // Scans only; absent for kernel threads and zombies, and before 6.2. As statm has it; stat leaves
  // out what each CPU has not yet added up.
  std::optional<uint64_t> rss_bytes;
};

// How a process ended, as wait(2) tells its parent.
struct ExitStatus {
  int32_t code = 0;
  // 0: it ended by itself.
  int32_t signal = 0;
  bool has_dumped_core = false;
};

enum class Event : uint8_t { kFork, kExec, kExit };

struct ProbeRecord {
  Event event = Event::kFork;
  uint32_t cpu = 0;
  // CLOCK_BOOTTIME.
  uint64_t boottime_ns = 0;
  // kFork: the child, not yet run. kExec: with the new image. kExit: with its last thread.
  TaskRecord task;
  // kExec: the path given to execve(2), as it was given: of a script the script's, while
  // task.executable is its interpreter.
  std::string_view filename;
  // kExec: the thread that called execve, in the initial pid namespace; host_pid from then on.
  uint32_t old_tid = 0;
  // kExit.
  ExitStatus exit;
};

}  // namespace daemoneye::bpf
