// ScanSource: finds process starts, stops and changes by comparing full scans.
//
// It reads by the kernel's task iterator where that may be used, else a procfs, and finds the same.
// Beside a live source it keeps up state and repairs what that lost: see ProcessTracker.
//
// Sees only what lives across a scan. What ran before the source comes as SNAPSHOT, then START,
// EXEC, MODIFIED, SUSPICIOUS, SAMPLE and STOP; every one but STOP carries the full record of the
// process. Nothing that a scan saw is forgotten without a STOP.
//
// Lifecycle:  Start and Stop in turn, any number of times; what it knew is kept, so a later Start
//             reports the difference.
// Threads:    owns one, "process-scan". Reconfigure, statistics, HealthCheck and Refresh from any.
// Ownership:  borrows the tracker, the clock and the sink, which outlive it.
// Cost:       see scan_benchmark: close to reading the files.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/collector/event_source.h"
#include "libs/sources/process/process_scanner.h"
#include "libs/sources/process/process_source_config.h"
#include "libs/sources/process/process_teller.h"
#include "libs/sources/process/process_tracker.h"
#include "libs/sources/process/scan_statistics.h"
#include "libs/sources/process/scan_turn.h"
#include "libs/sources/process/task_scanner.h"

namespace daemoneye::process {

class ScanSource final : public collector::EventSource {
 public:
  // kAuto: the task iterator, where it may be used and sees the pids of the procfs.
  enum class Reader { kAuto, kProcfs };

  ScanSource(ProcessTracker& tracker, Reader reader, base::Clock& clock);
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

  ScanStatistics statistics() const;
  // OK: it reads by the kernel's task iterator. Else why it reads a procfs.
  absl::Status kernel_reader() const;

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
  void OpenReader();
  absl::Status ScanOnce(const std::stop_token& stop, collector::EventSink& sink);
  bool IsScanDueLocked() const REQUIRES(mu_);

  const collector::SourceDescriptor descriptor_;
  ProcessTracker& tracker_;
  const Reader reader_;
  base::Clock& clock_;
  // The thread's own; what they share with other sources under the tracker's lock.
  ProcessTeller teller_;
  ScanTurn turn_;
  ProcessScanner procfs_scanner_;
  std::unique_ptr<TaskScanner> task_scanner_;  // null: not to be had

  mutable base::Mutex mu_;
  base::CondVar changed_;
  ProcessSourceConfig config_ GUARDED_BY(mu_);
  ScanStatistics statistics_ GUARDED_BY(mu_);
  absl::Status scan_status_ GUARDED_BY(mu_);
  absl::Status kernel_reader_ GUARDED_BY(mu_);
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
