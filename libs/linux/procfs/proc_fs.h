// ProcFs: a mounted procfs, held by its directory, and what is the same for all its processes.
//
// Threads:    any; immutable after Open.
// Ownership:  owns the directory descriptor; readers borrow the ProcFs, which outlives them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::procfs {

class ProcFs {
 public:
  // Holds the directory `root`: "/proc", the host's procfs mounted elsewhere, or a recorded tree.
  // FailedPrecondition when it is not a procfs that can be used, saying what is missing.
  static absl::StatusOr<ProcFs> Open(const std::string& root);

  // Everything is read by openat(2) below it.
  int root_fd() const { return root_.get(); }
  // Random UUID of this boot of the kernel.
  const std::string& boot_id() const { return boot_id_; }
  // Unit of all *_ticks.
  int64_t ticks_per_second() const { return ticks_per_second_; }
  int64_t page_bytes() const { return page_bytes_; }
  // Inode of the pid namespace whose numbers this procfs shows, which need not be the reader's own.
  // The same for every user.
  uint64_t pid_namespace_inode() const { return pid_namespace_inode_; }
  // The kernel's procfs, not a recorded tree.
  bool is_live() const { return is_live_; }

  // Wall time of the boot: what start ticks count from. Exact to microseconds on a live procfs and
  // follows steps of the wall clock; to the second in a recorded tree (`btime`).
  absl::StatusOr<absl::Time> BootTime() const;

  // `ticks` as a duration.
  absl::Duration TicksToDuration(uint64_t ticks) const;

 private:
  ProcFs() = default;

  base::UniqueFd root_;
  std::string boot_id_;
  int64_t ticks_per_second_ = 100;
  int64_t page_bytes_ = 4096;
  uint64_t pid_namespace_inode_ = 0;
  bool is_live_ = false;
};

}  // namespace daemoneye::procfs
