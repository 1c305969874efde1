// OwnProcesses: the children that the suite itself spawned, by identity.
//
// Threads: any. Bounds: the last 1,024.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "libs/base/mutex.h"
#include "libs/linux/procfs/proc_fs.h"

namespace daemoneye::process {

class OwnProcesses {
 public:
  // `pid` is a child of ours, not yet reaped: no other process can have its pid.
  void Add(const procfs::ProcFs& fs, uint32_t pid);
  bool Contains(uint32_t pid, uint64_t start_ticks) const;

 private:
  mutable base::Mutex mu_;
  std::deque<std::pair<uint32_t, uint64_t>> processes_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::process
