// Fills a wire_task from the kernel's task: the same code for the probe and the scan.
//
// Pointers that come from the program's arguments are followed by plain loads, which the verifier
// makes fault-proof: half the cost of a helper call a field.
#pragma once

#include "libs/linux/bpf/programs/kernel_types.h"
// Its types are needed by the next.
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "libs/linux/bpf/programs/wire.h"

// Set before the program is loaded.
const volatile struct wire_options options;

// Since 6.2, a way to have the verifier take an address for a pointer to `type`, by which plain
// loads can be made: no helper is called, here or there. And what is behind such a pointer the
// verifier does not look up by name in all of the kernel's types, which is most of what loading
// costs.
extern void* bpf_rdonly_cast(const void* address, __u32 btf_id) __ksym __weak;
#define CAST(type, address) \
  ((struct type*)bpf_rdonly_cast(address, bpf_core_type_id_kernel(struct type)))

// include/linux/pid.h: enum pid_type
enum { PID_OF_GROUP = 1, PID_OF_PGRP = 2, PID_OF_SESSION = 3 };
enum { NOT_VISIBLE = 0xffffffffu };

// `pid`'s number at `level`.
static __always_inline bool read_upid(const struct pid* pid, __u32 level, struct upid* upid) {
  const char* numbers = (const char*)pid + bpf_core_field_offset(struct pid, numbers);
  const __u64 size = bpf_core_type_size(struct upid);
  __u64 raw[2];
  if (size != sizeof raw) return false;
  if (bpf_probe_read_kernel(raw, sizeof raw, numbers + level * size) != 0) return false;
  upid->nr = (int)raw[0];
  upid->ns = (struct pid_namespace*)raw[1];
  return true;
}

struct level_search {
  const struct pid* pid;
  __u64 inode;
  __u32 level;
};

// In a loop of the kernel's (bpf_loop, 5.17), which the verifier walks through once.
static long try_level(__u32 index, struct level_search* search) {
  struct upid upid;
  if (!read_upid(search->pid, index + 1, &upid)) return 1;
  if (BPF_CORE_READ(upid.ns, ns.inum) != search->inode) return 0;
  search->level = index + 1;
  return 1;
}

// The level of the namespace `inode` among those of `pid`, or NOT_VISIBLE.
static __always_inline __u32 level_of(const struct pid* pid, __u64 inode) {
  // On a host, the first.
  if (pid->numbers[0].ns->ns.inum == inode) return 0;
  struct level_search search = {.pid = pid, .inode = inode, .level = NOT_VISIBLE};
  bpf_loop(pid->level, try_level, &search, 0);
  return search.level;
}

// `pid`'s number in that namespace, which is at `level` where it can be seen; 0: it cannot.
static __always_inline __u32 number_at(const struct pid* pid, __u32 level, __u64 inode) {
  struct upid upid;
  if (!pid) return 0;
  if (level == 0) return pid->numbers[0].nr;
  if (level > pid->level || !read_upid(pid, level, &upid)) return 0;
  if (BPF_CORE_READ(upid.ns, ns.inum) != inode) return 0;
  return upid.nr;
}

static __always_inline void fill_pids(struct task_struct* leader, __u64 inode,
                                      struct wire_task* to) {
  struct signal_struct* signal = leader->signal;
  const struct pid* pid = signal->pids[PID_OF_GROUP];
  if (!pid) return;
  const __u32 level = level_of(pid, inode);
  const __u32 last = pid->level;
  struct upid innermost;
  to->host_pid = pid->numbers[0].nr;
  to->innermost_pid = to->host_pid;
  to->ns_pid = pid->numbers[0].ns->ns.inum;
  if (last != 0 && read_upid(pid, last, &innermost)) {
    to->innermost_pid = innermost.nr;
    to->ns_pid = BPF_CORE_READ(innermost.ns, ns.inum);
  }
  if (level == NOT_VISIBLE) return;
  to->pid_namespace_depth = last - level;
  to->pid = number_at(pid, level, inode);
  to->pgrp = number_at(signal->pids[PID_OF_PGRP], level, inode);
  to->session = number_at(signal->pids[PID_OF_SESSION], level, inode);
  struct task_struct* parent = leader->real_parent;
  to->ppid = number_at(parent->signal->pids[PID_OF_GROUP], level, inode);
  to->parent_start_boottime_ns = parent->group_leader->start_boottime;
}

static __always_inline void fill_credentials(struct task_struct* task, struct wire_task* to) {
  const struct cred* cred = task->real_cred;
  to->uid = cred->uid.val;
  to->euid = cred->euid.val;
  to->suid = cred->suid.val;
  to->fsuid = cred->fsuid.val;
  to->gid = cred->gid.val;
  to->egid = cred->egid.val;
  to->sgid = cred->sgid.val;
  to->fsgid = cred->fsgid.val;
  if (bpf_core_field_exists(cred->cap_effective.val)) {
    to->cap_inheritable = cred->cap_inheritable.val;
    to->cap_permitted = cred->cap_permitted.val;
    to->cap_effective = cred->cap_effective.val;
    to->cap_bounding = cred->cap_bset.val;
    to->cap_ambient = cred->cap_ambient.val;
  } else {
    bpf_core_read(&to->cap_inheritable, 8, &cred->cap_inheritable);
    bpf_core_read(&to->cap_permitted, 8, &cred->cap_permitted);
    bpf_core_read(&to->cap_effective, 8, &cred->cap_effective);
    bpf_core_read(&to->cap_bounding, 8, &cred->cap_bset);
    bpf_core_read(&to->cap_ambient, 8, &cred->cap_ambient);
  }
  to->ns_user = cred->user_ns->ns.inum;
  if (bpf_core_field_exists(task->loginuid)) {
    to->login_uid = task->loginuid.val;
    to->audit_session = task->sessionid;
  } else {
    to->flags |= WIRE_NO_LOGIN_UID;
  }
}

// A process that has ended has no more of them: all 0.
static __always_inline void fill_namespaces(struct task_struct* task, struct wire_task* to) {
  struct nsproxy* proxy = task->nsproxy;
  if (!proxy) return;
  to->ns_uts = proxy->uts_ns->ns.inum;
  to->ns_ipc = proxy->ipc_ns->ns.inum;
  to->ns_mnt = proxy->mnt_ns->ns.inum;
  to->ns_net = proxy->net_ns->ns.inum;
  to->ns_cgroup = proxy->cgroup_ns->ns.inum;
  if (bpf_core_field_exists(proxy->time_ns)) to->ns_time = proxy->time_ns->ns.inum;
}

static __always_inline void fill_image(struct task_struct* task, struct wire_task* to) {
  struct mm_struct* mm = task->mm;
  if (!mm) return;
  struct file* file = mm->exe_file;
  if (!file) return;
  struct inode* inode = file->f_inode;
  to->image_inode = inode->i_ino;
  to->image_device = inode->i_sb->s_dev;
  to->image_owner_uid = inode->i_uid.val;
  to->image_mode = inode->i_mode;
}

#define MIX_CGROUP(set, key, i)                                                 \
  if (bpf_core_field_exists((set)->subsys[i])) {                                \
    (key) = ((key) ^ (set)->subsys[i]->cgroup->kn->id) * 0x9e3779b97f4a7c15ull; \
  }

// Processes of one key are in the same cgroup of each hierarchy that has a controller. What it is
// made of is never used again, as addresses would be.
static __always_inline __u64 cgroup_key_of(struct css_set* set) {
  __u64 key = set->dfl_cgrp->kn->id;
  MIX_CGROUP(set, key, 0)
  MIX_CGROUP(set, key, 1)
  MIX_CGROUP(set, key, 2)
  MIX_CGROUP(set, key, 3)
  MIX_CGROUP(set, key, 4)
  MIX_CGROUP(set, key, 5)
  MIX_CGROUP(set, key, 6)
  MIX_CGROUP(set, key, 7)
  MIX_CGROUP(set, key, 8)
  MIX_CGROUP(set, key, 9)
  MIX_CGROUP(set, key, 10)
  MIX_CGROUP(set, key, 11)
  MIX_CGROUP(set, key, 12)
  MIX_CGROUP(set, key, 13)
  MIX_CGROUP(set, key, 14)
  MIX_CGROUP(set, key, 15)
  return key;
}

// `to` is all zero. `task` is any thread; what the threads share is told.
static __always_inline void fill_task(struct task_struct* task, struct wire_task* to) {
  if (options.has_cast) task = CAST(task_struct, task);
  struct task_struct* leader = task->group_leader;
  struct signal_struct* signal = task->signal;
  fill_pids(leader, options.pid_namespace_inode, to);
  fill_credentials(task, to);
  fill_namespaces(task, to);
  fill_image(task, to);
  struct tty_struct* tty = signal->tty;
  if (tty) {
    struct tty_driver* driver = tty->driver;
    to->tty = (driver->major << 20) | ((driver->minor_start + tty->index) & 0xfffff);
  }
  to->start_boottime_ns = leader->start_boottime;
  to->exec_id = task->self_exec_id;
  struct css_set* cgroups = task->cgroups;
  to->cgroup_id = cgroups->dfl_cgrp->kn->id;
  to->cgroup_key = options.has_v1_cgroups ? cgroup_key_of(cgroups) : to->cgroup_id;
  to->kernel_flags = leader->flags;
  to->threads = signal->nr_threads;
  to->state = leader->__state | leader->exit_state;
  bpf_core_read(to->comm, sizeof to->comm, &leader->comm);
}
