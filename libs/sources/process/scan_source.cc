#include "libs/sources/process/scan_source.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "libs/linux/bpf/bpf_support.h"
#include "libs/linux/bpf/task_reader.h"

namespace daemoneye::process {
namespace {

using base::operator+;

// A scan that ended less than this ago is of this moment.
constexpr absl::Duration kFresh = absl::Seconds(1);
// Start waits this long for the first scan; a larger machine finishes it behind Start.
constexpr absl::Duration kFirstScanWait = absl::Seconds(5);

collector::SourceDescriptor MakeDescriptor() {
  return {
      .name = kScanSourceName,
      .caps = collector::SourceCaps::kProcess | collector::SourceCaps::kSystemWide,
      .events = {"events.process.snapshot", "events.process.start", "events.process.exec",
                 "events.process.stop", "events.process.modified", "events.process.suspicious",
                 "events.process.sample"},
      .needs = "",
      .is_polling = true,
  };
}

}  // namespace

ScanSource::ScanSource(ProcessTracker& tracker, Reader reader, base::Clock& clock)
    : descriptor_(MakeDescriptor()),
      tracker_(tracker),
      reader_(reader),
      clock_(clock),
      teller_(tracker, kScanSourceName),
      turn_(tracker, teller_),
      procfs_scanner_(tracker, teller_, turn_),
      config_(tracker.config) {}

ScanSource::~ScanSource() { Stop(); }

absl::Status ScanSource::Start(collector::EventSink& sink) {
  uint64_t first;
  {
    base::MutexLock lock(mu_);
    if (absl::Status status = config_.Validate(); !status.ok()) return status;
    if (is_running_) return absl::FailedPreconditionError("already started");
    is_running_ = true;
    is_scan_wanted_ = true;
    are_hashes_ready_ = true;  // what came while nobody listened
    scan_status_ = absl::OkStatus();
    first = scans_started_ + 1;
  }
  OpenReader();
  tracker_.hasher.SetOnResults([this] {
    base::MutexLock lock(mu_);
    are_hashes_ready_ = true;
    changed_.NotifyAll();
  });
  tracker_.live.SetOnScanWanted([this] {
    base::MutexLock lock(mu_);
    is_scan_wanted_ = true;
    changed_.NotifyAll();
  });
  thread_ =
      base::Thread("process-scan", [this, &sink](const std::stop_token& stop) { Run(stop, sink); });
  const base::Monotonic deadline = clock_.MonotonicNow() + kFirstScanWait;
  absl::Status status;
  {
    base::MutexLock lock(mu_);
    while (scans_ended_ < first && clock_.MonotonicNow() < deadline) {
      clock_.WaitUntil(changed_, mu_, deadline);
    }
    status = scan_status_;
  }
  if (!status.ok()) Stop();
  return status;
}

void ScanSource::OpenReader() {
  task_scanner_ = nullptr;
  if (reader_ == Reader::kProcfs || !tracker_.fs.is_live()) {
    base::MutexLock lock(mu_);
    kernel_reader_ = absl::UnimplementedError("a procfs is asked for");
    return;
  }
  const bpf::BpfSupport support = bpf::ReadBpfSupport();
  absl::Status status = support.Check();
  if (status.ok() && support.pid_namespace_inode != tracker_.fs.pid_namespace_inode()) {
    status = absl::UnimplementedError("the procfs is of another pid namespace");
  }
  if (status.ok()) {
    auto reader = bpf::TaskReader::Open();
    status = reader.status();
    if (reader.ok()) {
      task_scanner_ = std::make_unique<TaskScanner>(tracker_, teller_, turn_, procfs_scanner_,
                                                    *std::move(reader));
    }
  }
  base::MutexLock lock(mu_);
  kernel_reader_ = std::move(status);
}

void ScanSource::Stop() {
  tracker_.hasher.SetOnResults(nullptr);
  tracker_.live.SetOnScanWanted(nullptr);
  thread_.StopAndJoin();
  base::MutexLock lock(mu_);
  is_running_ = false;
  changed_.NotifyAll();
}

void ScanSource::Run(const std::stop_token& stop, collector::EventSink& sink) {
  const std::stop_callback wake(stop, [this] {
    base::MutexLock lock(mu_);
    changed_.NotifyAll();
  });
  while (true) {
    const Turn turn = AwaitTurn(stop);
    if (turn.is_stop) return;
    if (turn.is_scan) Scan(stop, sink);
    // What the sink no longer takes, or sheds, the scanner keeps account of.
    if (turn.has_hashes) {
      base::MutexLock lock(tracker_.mu);
      static_cast<void>(teller_.TellHashes(sink));
    }
  }
}

bool ScanSource::IsScanDueLocked() const {
  return is_scan_wanted_ || clock_.MonotonicNow() >= last_scan_begin_ + config_.collection_interval;
}

ScanSource::Turn ScanSource::AwaitTurn(const std::stop_token& stop) {
  base::MutexLock lock(mu_);
  while (!stop.stop_requested() && !are_hashes_ready_ && !IsScanDueLocked()) {
    clock_.WaitUntil(changed_, mu_, last_scan_begin_ + config_.collection_interval);
  }
  Turn turn{.is_stop = stop.stop_requested(),
            .is_scan = IsScanDueLocked(),
            .has_hashes = std::exchange(are_hashes_ready_, false)};
  if (turn.is_stop || !turn.is_scan) return turn;
  is_scan_wanted_ = false;
  ++scans_started_;
  last_scan_begin_ = clock_.MonotonicNow();
  return turn;
}

absl::Status ScanSource::ScanOnce(const std::stop_token& stop, collector::EventSink& sink) {
  if (task_scanner_ != nullptr) {
    absl::Status status = task_scanner_->Scan(stop, sink);
    const bool is_of_kernel =
        !status.ok() && !absl::IsCancelled(status) && !absl::IsFailedPrecondition(status);
    if (!is_of_kernel) return status;
    task_scanner_ = nullptr;
    base::MutexLock lock(mu_);
    kernel_reader_ = std::move(status);
  }
  return procfs_scanner_.Scan(stop, sink);
}

void ScanSource::Scan(const std::stop_token& stop, collector::EventSink& sink) {
  {
    base::MutexLock lock(tracker_.mu);
    base::MutexLock own(mu_);
    if (std::exchange(is_config_new_, false)) tracker_.SetConfig(config_);
  }
  absl::Status status = ScanOnce(stop, sink);
  base::MutexLock lock(mu_);
  if (!absl::IsCancelled(status)) scan_status_ = std::move(status);
  statistics_ = turn_.statistics();
  scans_ended_ = scans_started_;
  last_scan_end_ = clock_.MonotonicNow();
  changed_.NotifyAll();
}

absl::Status ScanSource::Refresh(base::Monotonic deadline) {
  base::MutexLock lock(mu_);
  if (!is_running_) return absl::FailedPreconditionError("process-scan is not started");
  const bool is_scanning = scans_started_ != scans_ended_;
  if (!is_scanning && scans_ended_ != 0 &&
      base::Elapsed(last_scan_end_, clock_.MonotonicNow()) < kFresh) {
    return scan_status_;
  }
  const uint64_t awaited = is_scanning ? scans_started_ : scans_started_ + 1;
  if (!is_scanning) is_scan_wanted_ = true;
  changed_.NotifyAll();
  while (is_running_ && scans_ended_ < awaited) {
    if (clock_.MonotonicNow() >= deadline) {
      return absl::DeadlineExceededError("the scan is not ready");
    }
    clock_.WaitUntil(changed_, mu_, deadline);
  }
  return is_running_ ? scan_status_ : absl::FailedPreconditionError("process-scan was stopped");
}

absl::Status ScanSource::Reconfigure(const ProcessSourceConfig& config) {
  if (absl::Status status = config.Validate(); !status.ok()) return status;
  base::MutexLock lock(mu_);
  config_ = config;
  is_config_new_ = true;
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::Status ScanSource::kernel_reader() const {
  base::MutexLock lock(mu_);
  return kernel_reader_;
}

ScanStatistics ScanSource::statistics() const {
  base::MutexLock lock(mu_);
  return statistics_;
}

collector::SourceHealth ScanSource::HealthCheck() const {
  base::MutexLock lock(mu_);
  collector::SourceHealth health;
  health.status = scan_status_;
  if (!is_running_) {
    health.status = absl::FailedPreconditionError("process-scan is not started");
  } else if (health.status.ok() && scans_ended_ != 0 &&
             base::Elapsed(last_scan_end_, clock_.MonotonicNow()) >
                 2 * config_.collection_interval) {
    health.status = absl::UnavailableError(
        fmt::format("no scan for {} s",
                    absl::ToInt64Seconds(base::Elapsed(last_scan_end_, clock_.MonotonicNow()))));
  }
  if (statistics_.last_inaccessible != 0) {
    health.limits = fmt::format(
        "the executables of {} processes may not be looked at: CAP_SYS_PTRACE is missing",
        statistics_.last_inaccessible);
  }
  health.last_event_time = statistics_.last_event_time;
  if (!statistics_.last_end.has_value()) return health;
  health.last_scan_read = statistics_.last_read;
  health.last_scan_total = statistics_.last_total;
  health.last_scan_duration = statistics_.last_duration;
  health.last_scan_time = statistics_.last_end;
  return health;
}

}  // namespace daemoneye::process
