// ProcessTaskHandler: answers a task about processes by reading them now.
//
//   ENUMERATE_PROCESSES   a SNAPSHOT record of each process that is selected
//   CHECK_PROCESS_HASH    the same, each with the hash of its running image
//   MONITOR_PROCESS_TREE  the selected processes, all their descendants, and their
//                         ancestors up to init
//   VERIFY_EXECUTABLE     the same as CHECK_PROCESS_HASH, only of processes with an image, which
//                         on_disk_mismatch and file_exists hold against what stands at its path
//
// Threads:    any, several tasks at once; a task runs on its caller's.
// Ownership:  borrows the procfs, the hasher and the clock, which outlive it.
#pragma once

#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/collector/task_handler.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/sources/process/executable_hasher.h"
#include "libs/sources/process/process_source_config.h"

namespace daemoneye::process {

class ProcessTaskHandler final : public collector::TaskHandler {
 public:
  ProcessTaskHandler(const procfs::ProcFs& fs, const ProcessSourceConfig& config,
                     ExecutableHasher& hasher, base::Clock& clock);

  std::vector<v1::TaskType> types() const override;

  // InvalidArgument: the type. Cancelled: stopped, or the caller has gone.
  absl::Status Run(v1::TaskType type, const Selects& selects, std::stop_token stop,
                   const Emit& emit, v1::Completeness* completeness) override;

 private:
  const procfs::ProcFs& fs_;
  const ProcessSourceConfig config_;
  ExecutableHasher& hasher_;
  base::Clock& clock_;
};

}  // namespace daemoneye::process
