// ExecSource: every fork, exec and exit as the kernel makes it, by BPF.
//
// Beside it scans go on, which find what was lost: see ProcessTracker.
//
// Lifecycle:  Start and Stop in turn, any number of times.
// Threads:    owns one, "process-exec". Everything else but Start and Stop from any.
// Ownership:  borrows the tracker, the clock and the sink, which outlive it; owns the probe.
// Cost:       reads are as far apart as the rate asks (base::Pacer), since waking the reader costs
//             more than what it reads; no call of the kernel a process.
// Bounds:     the kernel's ring, `ring_bytes`; what does not fit is counted, told as a loss of
//             "kernel_ring", and repaired by a scan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/pacer.h"
#include "libs/base/thread.h"
#include "libs/base/unique_fd.h"
#include "libs/collector/event_source.h"
#include "libs/linux/bpf/process_probe.h"
#include "libs/sources/process/probe_reporter.h"
#include "libs/sources/process/process_tracker.h"

namespace daemoneye::process {

class ExecSource final : public collector::EventSource {
 public:
  // `ring_bytes`: a power of two, 4 KiB to 1 GiB.
  ExecSource(ProcessTracker& tracker, size_t ring_bytes, base::Clock& clock);
  ~ExecSource() override;

  const collector::SourceDescriptor& descriptor() const override { return descriptor_; }
  absl::Status Start(collector::EventSink& sink) override;
  void Stop() override;
  collector::SourceHealth HealthCheck() const override;
  // Waits until what has happened before is told.
  absl::Status Refresh(base::Monotonic deadline) override;

  // What the kernel's programs counted; nullopt while it is not started.
  std::optional<bpf::ProbeCounters> counters() const;

 private:
  // Its thread's.
  void Run(const std::stop_token& stop, collector::EventSink& sink);
  // Waits for the kernel, for Wake() or, unless it is negative, `timeout_ms`.
  void Await(int timeout_ms);
  // Reads all there is. Returns how many records; an error: the sink takes no more.
  absl::StatusOr<size_t> Drain(const std::stop_token& stop, collector::EventSink& sink);
  absl::Status Report(collector::EventSink& sink);
  // It reads no more, unless it was stopped: says so.
  void Fail(absl::Status why, collector::EventSink& sink);
  void ReportMissed(const bpf::ProcessProbe& probe, collector::EventSink& sink);
  void Wake() const;

  const collector::SourceDescriptor descriptor_;
  ProcessTracker& tracker_;
  const size_t ring_bytes_;
  base::Clock& clock_;
  ProbeReporter reporter_;       // under the tracker's lock
  bpf::ProbeBatch batch_;        // the thread's
  base::Pacer pacer_;            // the thread's
  base::Monotonic missed_read_;  // the thread's
  uint64_t missed_ = 0;          // the thread's
  const base::UniqueFd wake_;    // an eventfd

  mutable base::Mutex mu_;
  std::shared_ptr<bpf::ProcessProbe> probe_ GUARDED_BY(mu_);
  absl::Status status_ GUARDED_BY(mu_);
  std::optional<absl::Time> last_event_time_ GUARDED_BY(mu_);

  base::Thread thread_;
};

}  // namespace daemoneye::process
