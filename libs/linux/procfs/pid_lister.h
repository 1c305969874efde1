// PidLister: the pids of all processes that a procfs shows, by getdents64(2).
//
// Threads:    one at a time.
// Ownership:  its own directory descriptor and buffer; nothing of the ProcFs is kept.
// Cost:       0.5 µs a process (procfs_benchmark).
#pragma once

#include <sys/types.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/procfs/proc_fs.h"

namespace daemoneye::procfs {

class PidLister {
 public:
  static absl::StatusOr<PidLister> Create(const ProcFs& fs);

  // Replaces the content of `pids` (reusing its memory) by the pids in ascending order, which are
  // all processes that lived during the whole call, and some of those that did not. With a mount
  // option hidepid=2 the kernel leaves out those of other users.
  absl::Status List(std::vector<pid_t>& pids);

 private:
  explicit PidLister(base::UniqueFd dir);

  base::UniqueFd dir_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace daemoneye::procfs
