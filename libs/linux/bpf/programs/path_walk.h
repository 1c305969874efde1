// Writes the path of a dentry, as d_path (fs/d_path.c) would for a reader at the root of the mount
// tree.
//
// The helper bpf_d_path is for few programs only; here each step is taken by hand, in a loop of
// the kernel's (bpf_loop, 5.17), since an unrolled one is more than the verifier follows. No lock
// is held: a path that is renamed meanwhile may mix the old and the new name.
#pragma once

#include "libs/linux/bpf/programs/task_facts.h"

enum path_state { PATH_GOING = 0, PATH_DONE, PATH_LONG, PATH_UNREAD, PATH_ROOTLESS };

// Lies in a map. So does where the walk is, since the verifier takes what it reads from a map for
// any number at all, and so finds all steps alike.
struct path_walk {
  struct dentry* dentry;
  struct dentry* mount_root;
  struct mount* mount;
  __u64 position;
  __u64 state;
  // Names are written from the end to the front, and one may begin anywhere.
  char bytes[WIRE_MAX_PATH_BYTES + WIRE_NAME_MASK + 1];
};

struct path_context {
  struct path_walk* walk;
};

static __always_inline long step_up_mount(struct path_walk* walk, bool has_cast) {
  struct mount* mount = walk->mount;
  if (has_cast) mount = CAST(mount, mount);
  struct mount* parent = has_cast ? mount->mnt_parent : BPF_CORE_READ(mount, mnt_parent);
  if (parent == walk->mount || !parent) {
    walk->state = PATH_DONE;
    return 1;
  }
  if (has_cast) {
    walk->dentry = mount->mnt_mountpoint;
    walk->mount_root = parent->mnt.mnt_root;
  } else {
    walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
    walk->mount_root = BPF_CORE_READ(parent, mnt.mnt_root);
  }
  walk->mount = parent;
  return 0;
}

// Parent and name as they lie in the kernel's struct dentry, by one read where they do.
struct link {
  struct dentry* parent;
  __u32 hash;
  __u32 name_bytes;
  const unsigned char* name;
};

static __always_inline void read_link(struct dentry* dentry, struct link* link, bool has_cast) {
  if (has_cast) {
    dentry = CAST(dentry, dentry);
    link->parent = dentry->d_parent;
    link->name_bytes = dentry->d_name.len;
    link->name = dentry->d_name.name;
    return;
  }
  const __u64 begin = bpf_core_field_offset(struct dentry, d_parent);
  if (bpf_core_field_offset(struct dentry, d_name.len) == begin + 12 &&
      bpf_core_field_offset(struct dentry, d_name.name) == begin + 16) {
    bpf_probe_read_kernel(link, sizeof *link, (const char*)dentry + begin);
    return;
  }
  link->parent = BPF_CORE_READ(dentry, d_parent);
  link->name_bytes = BPF_CORE_READ(dentry, d_name.len);
  link->name = BPF_CORE_READ(dentry, d_name.name);
}

static long step_up(__u32 index, struct path_context* context) {
  struct path_walk* walk = context->walk;
  struct dentry* dentry = walk->dentry;
  const bool has_cast = options.has_cast;
  if (dentry == walk->mount_root) return step_up_mount(walk, has_cast);
  struct link link = {};
  read_link(dentry, &link, has_cast);
  struct dentry* parent = link.parent;
  const unsigned char* name = link.name;
  const __u64 length = link.name_bytes;
  if (!name || length > WIRE_NAME_MASK) {
    walk->state = PATH_UNREAD;
    return 1;
  }
  __u64 at = walk->position;
  if (at <= length) {
    walk->state = PATH_LONG;
    return 1;
  }
  at -= length;
  bpf_probe_read_kernel(walk->bytes + (at & (WIRE_MAX_PATH_BYTES - 1)), length & WIRE_NAME_MASK,
                        name);
  at -= 1;
  walk->bytes[at & (WIRE_MAX_PATH_BYTES - 1)] = '/';
  walk->position = at;
  walk->dentry = parent;
  if (parent != dentry) return 0;
  walk->state = PATH_ROOTLESS;
  return 1;
}

// Appends that path to `text` at `used`, which is at most two paths' worth; returns its length, 0
// where `walk->state` says why. A memfd is a name without a root, which the kernel shows behind a
// slash too.
static __always_inline __u64 append_path(struct path* path, struct path_walk* walk, char* text,
                                         __u64 used) {
  struct vfsmount* mount = path->mnt;
  struct path_context context = {.walk = walk};
  walk->state = PATH_UNREAD;
  walk->dentry = path->dentry;
  if (!walk->dentry || !mount || used > 2 * WIRE_MAX_PATH_BYTES) return 0;
  walk->mount_root = mount->mnt_root;
  walk->mount = (struct mount*)((char*)mount - bpf_core_field_offset(struct mount, mnt));
  walk->position = WIRE_MAX_PATH_BYTES;
  bpf_loop(WIRE_MAX_PATH_BYTES / 2, step_up, &context, 0);
  if (walk->state != PATH_DONE && walk->state != PATH_ROOTLESS) return 0;

  __u64 begin = walk->position;
  if (begin == WIRE_MAX_PATH_BYTES) {  // the root
    begin = WIRE_MAX_PATH_BYTES - 1;
    walk->bytes[WIRE_MAX_PATH_BYTES - 1] = '/';
  }
  if (begin == 0 || begin >= WIRE_MAX_PATH_BYTES) return 0;
  const __u64 length = WIRE_MAX_PATH_BYTES - begin;
  if (bpf_probe_read_kernel(text + used, length, walk->bytes + begin) != 0) {
    walk->state = PATH_UNREAD;
    return 0;
  }
  return length;
}

static __always_inline bool is_unlinked(struct dentry* dentry) {
  return !dentry->d_hash.pprev && dentry->d_parent != dentry;
}

static __always_inline __u64 append_executable(struct file* file, struct wire_record* record,
                                               struct path_walk* walk, char* text, __u64 used) {
  const __u64 length = append_path(&file->f_path, walk, text, used);
  record->executable_bytes = length;
  if (length == 0) record->task.flags |= WIRE_EXECUTABLE_UNREAD;
  if (walk->state == PATH_ROOTLESS) record->task.flags |= WIRE_ROOTLESS;
  if (is_unlinked(file->f_path.dentry)) record->task.flags |= WIRE_DELETED;
  return length;
}

// With what /proc shows behind the path of a directory that is gone.
static __always_inline __u64 append_directory(struct fs_struct* fs, struct wire_record* record,
                                              struct path_walk* walk, char* text, __u64 used) {
  __u64 length = append_path(&fs->pwd, walk, text, used);
  if (length == 0) record->task.flags |= WIRE_DIRECTORY_UNREAD;
  if (length != 0 && is_unlinked(fs->pwd.dentry)) {
    __builtin_memcpy(text + used + length, " (deleted)", 10);
    length += 10;
  }
  record->directory_bytes = length;
  return length;
}

// Appends executable and directory of `task` to `text` at `used`; returns their length.
static __always_inline __u64 append_paths(struct task_struct* task, struct wire_record* record,
                                          struct path_walk* walk, char* text, __u64 used) {
  struct mm_struct* mm = task->mm;
  struct file* file = mm ? mm->exe_file : NULL;
  struct fs_struct* fs = task->fs;
  __u64 length = 0;
  if (file) length = append_executable(file, record, walk, text, used);
  if (fs) length += append_directory(fs, record, walk, text, used + length);
  return length;
}
