// ScanSource: finds process starts, stops and changes by comparing full scans of a procfs.
//
// Sees only what lives across a scan. What ran before the source comes as SNAPSHOT, then START,
// EXEC, MODIFIED, SUSPICIOUS, SAMPLE and STOP; every one but STOP carries the full record of the
// process. Nothing that a scan saw is forgotten without a STOP.
//
// Lifecycle:  Start and Stop in turn, any number of times; what it knew is kept, so a later Start
//             reports the difference.
// Threads:    owns one, "process-scan". Reconfigure, statistics, HealthCheck and Refresh from any.
// Ownership:  borrows the procfs, the hasher, the clock and the sink, which outlive it.
// Cost:       see scan_benchmark: close to reading the files.
#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/collector/event_source.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/sources/process/executable_hasher.h"
#include "libs/sources/process/own_processes.h"
#include "libs/sources/process/process_scanner.h"
#include "libs/sources/process/process_source_config.h"
#include "libs/sources/process/scan_statistics.h"

namespace daemoneye::process {

class ScanSource final : public collector::EventSource {
 public:
  ScanSource(const procfs::ProcFs& fs, const ProcessSourceConfig& config, ExecutableHasher& hasher,
             base::Clock& clock);
  ~ScanSource() override;

  const collector::SourceDescriptor& descriptor() const override { return descriptor_; }
  // Returns when the first scan has been handed over, or is taking longer than a few seconds.
  absl::Status Start(collector::EventSink& sink) override;
  void Stop() override;
  collector::SourceHealth HealthCheck() const override;
  // Scans now, or waits for the scan that runs; nothing when one ended less than a second ago.
  // DeadlineExceeded, FailedPrecondition (not started), or the scan's error.
  absl::Status Refresh(base::Monotonic deadline) override;

  // In force from the next scan on. InvalidArgument as Validate().
  absl::Status Reconfigure(const ProcessSourceConfig& config);

  // A child that the suite itself spawned: its events are marked `own`. Called at the spawn.
  void MarkOwn(uint32_t pid);

  ScanStatistics statistics() const;

 private:
  // What the thread is to do next.
  struct Turn {
    bool is_stop = false;
    bool is_scan = false;
    bool has_hashes = false;
  };

  void Run(const std::stop_token& stop, collector::EventSink& sink);
  Turn AwaitTurn(const std::stop_token& stop);
  void Scan(const std::stop_token& stop, collector::EventSink& sink);
  bool IsScanDueLocked() const REQUIRES(mu_);

  const collector::SourceDescriptor descriptor_;
  const procfs::ProcFs& fs_;
  base::Clock& clock_;
  ExecutableHasher& hasher_;
  OwnProcesses own_;
  ProcessScanner scanner_;  // the thread's own

  mutable base::Mutex mu_;
  base::CondVar changed_;
  ProcessSourceConfig config_ GUARDED_BY(mu_);
  ScanStatistics statistics_ GUARDED_BY(mu_);
  absl::Status scan_status_ GUARDED_BY(mu_);
  uint64_t scans_started_ GUARDED_BY(mu_) = 0;
  uint64_t scans_ended_ GUARDED_BY(mu_) = 0;
  base::Monotonic last_scan_begin_ GUARDED_BY(mu_);
  base::Monotonic last_scan_end_ GUARDED_BY(mu_);
  bool is_running_ GUARDED_BY(mu_) = false;
  bool is_config_new_ GUARDED_BY(mu_) = false;
  bool is_scan_wanted_ GUARDED_BY(mu_) = false;
  bool are_hashes_ready_ GUARDED_BY(mu_) = false;

  base::Thread thread_;
};

}  // namespace daemoneye::process
