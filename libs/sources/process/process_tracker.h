// ProcessTracker: what is known of each process, shared by the sources that watch them.
//
// A live source and the scans beside it work on one table, so that what one told the other does not
// tell again, and what one missed the other finds. Each change is made and emitted under `mu`, so
// that a process's events leave in their order.
//
// Threads:    everything but `live`, `text_counts` and SpawnOwn under `mu`.
// Ownership:  borrows the procfs, the hasher and the clock, which outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/sources/process/executable_hasher.h"
#include "libs/sources/process/live_feed.h"
#include "libs/sources/process/own_processes.h"
#include "libs/sources/process/package_database.h"
#include "libs/sources/process/process_source_config.h"
#include "libs/sources/process/process_table.h"
#include "libs/sources/process/record_reader.h"
#include "libs/sources/process/suspicion_watch.h"
#include "libs/sources/process/task_filler.h"
#include "libs/sources/process/text_counts.h"

namespace daemoneye::process {

struct ProcessTracker {
  ProcessTracker(const procfs::ProcFs& fs, const ProcessSourceConfig& config,
                 ExecutableHasher& hasher, base::Clock& clock,
                 PackageDatabase packages = PackageDatabase());

  // Of all sources.
  void SetConfig(const ProcessSourceConfig& config);

  // Runs `spawn`, which returns the pid of a child of ours, and marks that child `own` before any
  // event of it can be built. Any thread; takes `mu`.
  absl::StatusOr<uint32_t> SpawnOwn(const std::function<absl::StatusOr<uint32_t>()>& spawn);

  // Asks for the hash of the image that `record` runs, or takes it where it is known. True when
  // there is a digest.
  bool RequestHash(ProcessRecord& record);
  bool IsHashMissing(const ProcessRecord& record) const;

  // Of a STOP that a scan found out: its record may still come.
  void NoteStopped(uint32_t pid, uint64_t start_ticks);
  bool WasStopped(uint32_t pid, uint64_t start_ticks) const;

  // While a scan is under way a live source notes what it told to have ended: the scan may have
  // read it before.
  void BeginNotingEnds();
  void EndNotingEnds();
  void NoteEnded(uint32_t pid, uint64_t start_ticks);
  bool HasEnded(uint32_t pid, uint64_t start_ticks) const;

  // Time since boot.
  absl::StatusOr<uint64_t> NowTicks() const;

  const procfs::ProcFs& fs;
  ExecutableHasher& hasher;
  base::Clock& clock;
  LiveFeed live;
  TextCounts text_counts;

  base::Mutex mu;
  ProcessSourceConfig config;
  OwnProcesses own;
  RecordReader reader;
  TaskFiller filler;
  ProcessTable table;
  SuspicionWatch watch;
  // Scans begun, of whichever reader.
  uint32_t scan = 0;
  // Hash requests that found the queue full, and records given up.
  uint64_t hashes_deferred = 0;
  uint64_t evicted = 0;

 private:
  absl::flat_hash_set<std::pair<uint32_t, uint64_t>> stopped_;
  absl::flat_hash_set<std::pair<uint32_t, uint64_t>> ended_;
  bool is_noting_ends_ = false;
};

}  // namespace daemoneye::process
