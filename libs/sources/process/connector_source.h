// ConnectorSource: every fork, exec and exit by the kernel's process events connector: for where
// ExecSource may not be used.
//
// The kernel tells which process, and no more; what it is must still be there to be read, so this
// reads at once, and says details_missing where it came too late. Beside it scans go on.
//
// Lifecycle:  Start and Stop in turn, any number of times. Start: PermissionDenied, Unimplemented
//             as ProcConnector::Open; FailedPrecondition where /proc has other pids than the
//             kernel tells.
// Threads:    owns one, "process-conn". Everything else but Start and Stop from any.
// Ownership:  borrows the tracker, the clock and the sink, which outlive it; owns the connector.
// Cost:       about that of a scan's new process, for each fork and each exec.
// Bounds:     the socket's receive buffer; what does not fit is counted, told as a loss of
//             "kernel_socket", and repaired by a scan.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/base/unique_fd.h"
#include "libs/collector/event_source.h"
#include "libs/linux/netlink/proc_connector.h"
#include "libs/sources/process/connector_reporter.h"
#include "libs/sources/process/process_tracker.h"

namespace daemoneye::process {

class ConnectorSource final : public collector::EventSource {
 public:
  ConnectorSource(ProcessTracker& tracker, size_t receive_buffer_bytes, base::Clock& clock);
  ~ConnectorSource() override;

  const collector::SourceDescriptor& descriptor() const override { return descriptor_; }
  absl::Status Start(collector::EventSink& sink) override;
  void Stop() override;
  collector::SourceHealth HealthCheck() const override;
  // Waits until what has happened before is told.
  absl::Status Refresh(base::Monotonic deadline) override;

  // Of the last reading; nullopt while it is not started.
  std::optional<netlink::ProcConnectorCounters> counters() const;

 private:
  // Its thread's.
  void Run(const std::stop_token& stop, collector::EventSink& sink);
  absl::Status Drain(const std::stop_token& stop, collector::EventSink& sink);
  absl::Status Report(collector::EventSink& sink);
  void Fail(absl::Status why, collector::EventSink& sink);
  void Await() const;
  void Wake() const;

  const collector::SourceDescriptor descriptor_;
  ProcessTracker& tracker_;
  const size_t receive_buffer_bytes_;
  base::Clock& clock_;
  const base::UniqueFd wake_;                          // an eventfd
  std::unique_ptr<netlink::ProcConnector> connector_;  // the thread's while it runs
  std::optional<ConnectorReporter> reporter_;          // under the tracker's lock
  netlink::ProcEventBatch batch_;                      // the thread's

  mutable base::Mutex mu_;
  bool is_started_ GUARDED_BY(mu_) = false;
  absl::Status status_ GUARDED_BY(mu_);
  netlink::ProcConnectorCounters counters_ GUARDED_BY(mu_);
  std::optional<absl::Time> last_event_time_ GUARDED_BY(mu_);

  base::Thread thread_;
};

}  // namespace daemoneye::process
