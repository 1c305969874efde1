// ProcStat: what /proc/PID/stat says (proc_pid_stat(5)).
#pragma once

#include <cstdint>
#include <string_view>

namespace daemoneye::procfs {

struct ProcStat {
  int32_t pid = 0;
  // The short name, raw: any bytes but NUL, ')' and newlines included. Up to 15 bytes, up to 63 for
  // a kernel thread. A view of the bytes that were parsed.
  std::string_view comm;
  // R, S, D, Z, T, t, X, I, ... : one letter, proc_pid_stat(5).
  char state = 0;
  // 0: none in this pid namespace.
  int32_t ppid = 0;
  int32_t pgrp = 0;
  // Of setsid(2).
  int32_t session = 0;
  // Device number of the controlling terminal, 0 without one: see TtyName().
  uint32_t tty_nr = 0;
  // PF_* of the kernel's sched.h.
  uint32_t flags = 0;
  uint64_t minor_faults_count = 0;
  uint64_t major_faults_count = 0;
  // All threads, dead ones included.
  uint64_t utime_ticks = 0;
  uint64_t stime_ticks = 0;
  int64_t nice = 0;
  uint32_t num_threads = 0;
  // Since boot, in the reader's time namespace; with boot id, pid namespace and pid: the identity.
  uint64_t start_ticks = 0;
  uint64_t vsize_bytes = 0;
  // Off by what is not yet added up: up to 64 pages a thread before 6.2, since then 32 pages or
  // more a CPU and kind of page. (/proc/PID/statm is exact, on 6.18 at least.)
  uint64_t rss_bytes = 0;
  // Where exec put the image, its stack, its data and its heap: with address space randomisation
  // elsewhere each time. 0 (start_code and end_code: 1) for who may not trace the process. The
  // code's are 0 in the middle of an exec: see lacks_layout().
  uint64_t start_code = 1;
  uint64_t end_code = 1;
  uint64_t start_stack = 0;
  uint64_t start_data = 0;
  uint64_t start_brk = 0;
  // As wait(2) would report it; means something for a zombie. 0 for who may not trace the process.
  int32_t exit_code = 0;

  // PF_KTHREAD: it has no command line and no executable.
  bool is_kernel_thread() const { return (flags & 0x00200000u) != 0; }
  // Dead, and not yet reaped: it has no command line and no executable any more.
  bool is_zombie() const { return state == 'Z' || state == 'X'; }
  // It has memory, we may trace it, and nothing is said of where its image lies: begin_new_exec
  // (fs/exec.c) gave it the new memory, name and executable, and load_elf_binary (fs/binfmt_elf.c)
  // has not yet laid the image out. A kernel that never tells looks the same.
  bool lacks_layout() const {
    return !is_kernel_thread() && !is_zombie() && vsize_bytes != 0 && start_code == 0 &&
           end_code == 0;
  }
};

}  // namespace daemoneye::procfs
