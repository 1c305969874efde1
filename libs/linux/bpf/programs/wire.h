// What the programs and the readers of this room pass between them: C, for both compilers.
//
// All of it stays on one machine and in one build: no version, native byte order.
#pragma once

#ifdef __cplusplus
#include <linux/types.h>
#endif

// Bounds in bytes. Arguments of a probe's record, and of a scan's, whose records must fit into the
// kernel's 32 KiB a read (kernel/bpf/bpf_iter.c).
#define WIRE_MAX_ARGUMENT_BYTES 65536
#define WIRE_MAX_SCAN_ARGUMENT_BYTES 16384
// Of the " (deleted)" behind a path, rounded up.
#define WIRE_SUFFIX_BYTES 16
// PATH_MAX: of each of file name, executable and directory.
#define WIRE_MAX_PATH_BYTES 4096
// NAME_MAX, as a mask.
#define WIRE_NAME_MASK 255

enum wire_kind { WIRE_FORK = 1, WIRE_EXEC = 2, WIRE_EXIT = 3, WIRE_TASK = 4 };

// wire_task.flags
#define WIRE_DELETED 1u            // the image has been unlinked
#define WIRE_ROOTLESS 2u           // its path has no root: memfd_create
#define WIRE_EXECUTABLE_UNREAD 4u  // its path could not be walked
#define WIRE_DIRECTORY_UNREAD 8u
#define WIRE_ARGUMENTS_UNREAD 16u  // paged out: from somewhere on they are missing
#define WIRE_FILENAME_UNREAD 32u
#define WIRE_NO_LOGIN_UID 64u  // the kernel keeps none
#define WIRE_HAS_RSS 128u
#define WIRE_IN_EXEC 256u  // between the new memory and the image in it

// A process, as it is at that moment. Its pids are those of the pid namespace that was asked for.
struct wire_task {
  __u32 pid;   // 0: it is not visible there
  __u32 ppid;  // 0: none, or not visible there
  __u32 host_pid;
  __u32 innermost_pid;
  __u32 pid_namespace_depth;  // of the innermost below the one that was asked for
  __u32 pgrp;
  __u32 session;
  __u32 tty;  // major << 20 | minor, as in the kernel
  __u64 start_boottime_ns;
  __u64 parent_start_boottime_ns;
  __u64 exec_id;
  __u64 cgroup_id;   // of the v2 hierarchy
  __u64 cgroup_key;  // of all hierarchies together
  __u32 kernel_flags;
  __u32 threads;
  __u32 uid, euid, suid, fsuid;
  __u32 gid, egid, sgid, fsgid;
  __u64 cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
  __u32 ns_cgroup, ns_ipc, ns_mnt, ns_net, ns_pid, ns_time, ns_user, ns_uts;
  __u32 login_uid;
  __u32 audit_session;
  __u64 image_inode;  // 0: no image
  __u32 image_device;
  __u32 image_owner_uid;
  __u32 image_mode;
  __u32 flags;
  __u32 state;  // of the leader: TASK_* and EXIT_* of include/linux/sched.h
  __u32 unused;
  __u8 comm[16];
};

// A record: this, and as many bytes of text as its lengths say, in their order.
struct wire_record {
  __u32 kind;
  __u32 cpu;
  __u64 boottime_ns;
  struct wire_task task;
  __u32 filename_bytes;
  __u32 executable_bytes;
  __u32 directory_bytes;
  __u32 argument_bytes;
  __u64 total_argument_bytes;
  __u32 exit_status;  // as wait(2) gives it; WIRE_EXIT, and WIRE_TASK of a zombie
  __u32 old_tid;      // the thread that called execve, in the initial namespace; WIRE_EXEC
  __u64 cpu_ns;       // WIRE_EXIT, WIRE_TASK
  __u64 rss_pages;    // WIRE_TASK, with WIRE_HAS_RSS
};

// Set before the programs are loaded: what is off costs nothing.
struct wire_options {
  __u64 pid_namespace_inode;
  __u64 max_argument_bytes;
  __u32 has_group_dead;  // sched_process_exit tells the last thread itself (6.15)
  __u32 reads_paths;
  __u32 has_v1_cgroups;
  __u32 has_cast;  // bpf_rdonly_cast (6.2)
  // Filters.
  __u32 has_uid, uid;
  __u64 cgroup_id;  // 0: any
  __u64 comm_bits[2], comm_mask[2];
};

enum wire_program { WIRE_ON_FORK = 0, WIRE_ON_EXEC = 1, WIRE_ON_EXIT = 2, WIRE_PROGRAMS = 3 };

// A cache line a program and CPU; more CPUs than slots share them. Each event that a program is
// called for is in `seen`, and in just one of the others.
#define WIRE_SLOTS 64
struct wire_counters {
  __u64 seen;
  __u64 sent;
  __u64 ignored;  // threads that are no process
  __u64 filtered;
  __u64 ring_full;
  __u64 unread;     // the task could not be read
  __u64 truncated;  // of those sent: arguments cut or unread
  __u64 unforked;   // WIRE_ON_FORK, and not in `seen`: tasks that began without a fork
} __attribute__((aligned(64)));
