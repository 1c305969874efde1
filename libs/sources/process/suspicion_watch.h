// SuspicionWatch: applies the rules to a process, each once a process and image.
//
// Threads:    one.
// Ownership:  borrows the procfs, the table, the reader (of the process that is being looked at)
// and
//             the clock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/base/clock.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/sources/process/package_database.h"
#include "libs/sources/process/process_table.h"
#include "libs/sources/process/record_reader.h"
#include "libs/sources/process/suspicion_rules.h"

namespace daemoneye::process {

class SuspicionWatch {
 public:
  SuspicionWatch(const procfs::ProcFs& fs, const ProcessTable& table, RecordReader& reader,
                 PackageDatabase packages, base::Clock& clock);

  // For the scan that begins: its number and the time since boot.
  void BeginScan(uint32_t scan, uint64_t now_ticks);
  // For what is told between two scans.
  void SetNow(uint64_t now_ticks) { now_ticks_ = now_ticks; }

  // What is odd about `record`, which `reader` has just read, and was not reported yet; `previous`
  // is what it was, null for a new process.
  std::vector<Suspicion> Check(const ProcessFacts* previous, ProcessRecord& record);

 private:
  RuleContext ContextOf(const ProcessFacts* previous, const ProcessRecord& record);
  bool HasRuntimeParent(const ProcessRecord& record) const;
  bool WasReportedToday(const std::string& path);

  const procfs::ProcFs& fs_;
  const ProcessTable& table_;
  RecordReader& reader_;
  base::Clock& clock_;
  const PackageDatabase packages_;
  const uint32_t own_mounts_;
  uint32_t scan_ = 0;
  uint64_t now_ticks_ = 0;
  // Day on which a package's replacement of a path was last reported.
  absl::flat_hash_map<std::string, int64_t> replaced_;
};

}  // namespace daemoneye::process
