// The parts of the kernel's types that the programs read, and no more.
//
// preserve_access_index makes the loader look each field up in the BTF of the kernel that runs
// (CO-RE), so order and size here mean nothing, only names and, of what is read, kinds.
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

#define NULL ((void*)0)
#define true 1
#define false 0

// include/uapi/linux/bpf.h
enum bpf_map_type {
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_RINGBUF = 27
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
  unsigned int inum;
};

struct user_namespace {
  struct ns_common ns;
};
struct uts_namespace {
  struct ns_common ns;
};
struct ipc_namespace {
  struct ns_common ns;
};
struct mnt_namespace {
  struct ns_common ns;
};
struct net {
  struct ns_common ns;
};
struct time_namespace {
  struct ns_common ns;
};
struct cgroup_namespace {
  struct ns_common ns;
};
struct pid_namespace {
  struct ns_common ns;
};

struct nsproxy {
  struct uts_namespace* uts_ns;
  struct ipc_namespace* ipc_ns;
  struct mnt_namespace* mnt_ns;
  struct net* net_ns;
  struct time_namespace* time_ns;
  struct cgroup_namespace* cgroup_ns;
};

struct upid {
  int nr;
  struct pid_namespace* ns;
};

struct pid {
  unsigned int level;
  struct upid numbers[];
};

typedef struct {
  unsigned int val;
} kuid_t;
typedef struct {
  unsigned int val;
} kgid_t;
// Two words before 6.3, one since: the same eight bytes.
typedef struct {
  __u64 val;
} kernel_cap_t;

struct cred {
  kuid_t uid;
  kgid_t gid;
  kuid_t suid;
  kgid_t sgid;
  kuid_t euid;
  kgid_t egid;
  kuid_t fsuid;
  kgid_t fsgid;
  kernel_cap_t cap_inheritable;
  kernel_cap_t cap_permitted;
  kernel_cap_t cap_effective;
  kernel_cap_t cap_bset;
  kernel_cap_t cap_ambient;
  struct user_namespace* user_ns;
};

struct super_block {
  __u32 s_dev;
};

struct inode {
  __u16 i_mode;
  kuid_t i_uid;
  struct super_block* i_sb;
  unsigned long i_ino;
};

struct qstr {
  __u32 len;
  const unsigned char* name;
};

struct hlist_bl_node {
  struct hlist_bl_node** pprev;
};

struct dentry {
  struct hlist_bl_node d_hash;
  struct dentry* d_parent;
  struct qstr d_name;
};

struct vfsmount {
  struct dentry* mnt_root;
};

struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};

struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};

struct file {
  struct inode* f_inode;
  struct path f_path;
};

struct fs_struct {
  struct path pwd;
};

typedef struct {
  int counter;
} atomic_t;

struct percpu_counter {
  __s64 count;
  __s32* counters;
};

struct mm_struct {
  struct percpu_counter rss_stat[4];
  unsigned long start_code;
  unsigned long end_code;
  unsigned long arg_start;
  unsigned long arg_end;
  unsigned long total_vm;
  struct file* exe_file;
};

struct tty_driver {
  int major;
  int minor_start;
};

struct tty_struct {
  int index;
  struct tty_driver* driver;
};

struct list_head {
  struct list_head* next;
};

struct signal_struct {
  atomic_t live;
  struct list_head thread_head;
  int nr_threads;
  int group_exit_code;
  unsigned int flags;
  struct pid* pids[4];
  struct tty_struct* tty;
  unsigned long long sum_sched_runtime;
};

struct kernfs_node {
  __u64 id;
};

struct cgroup {
  struct kernfs_node* kn;
};

struct cgroup_subsys_state {
  struct cgroup* cgroup;
};

// As many controllers as any kernel has; which are there, the loader looks up.
struct css_set {
  struct cgroup_subsys_state* subsys[16];
  struct cgroup* dfl_cgrp;
};

struct sched_entity {
  __u64 sum_exec_runtime;
};

struct task_struct {
  unsigned int __state;
  struct list_head thread_node;
  unsigned int flags;
  struct sched_entity se;
  struct mm_struct* mm;
  int exit_state;
  int exit_code;
  int pid;
  int tgid;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  struct pid* thread_pid;
  __u64 start_boottime;
  const struct cred* real_cred;
  char comm[16];
  struct fs_struct* fs;
  struct nsproxy* nsproxy;
  struct signal_struct* signal;
  kuid_t loginuid;
  unsigned int sessionid;
  __u64 self_exec_id;
  struct css_set* cgroups;
};

struct linux_binprm {
  const char* filename;
};

struct seq_file;

struct bpf_map;

struct bpf_array {
  void* pptrs[1];
};

struct bpf_iter_meta {
  struct seq_file* seq;
};

struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};

#pragma clang attribute pop
