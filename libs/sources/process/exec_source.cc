#include "libs/sources/process/exec_source.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::process {
namespace {

using base::operator+;

constexpr size_t kMaxRecords = 256;
// How long it waits for room before it looks whether it is to stop.
constexpr absl::Duration kRoomWait = absl::Milliseconds(100);
// How often it asks what the kernel missed, which takes calls of it.
constexpr absl::Duration kMissedInterval = absl::Seconds(1);

collector::SourceDescriptor MakeDescriptor() {
  using collector::SourceCaps;
  return {
      .name = kExecSourceName,
      .caps = SourceCaps::kProcess | SourceCaps::kRealtime | SourceCaps::kKernelLevel |
              SourceCaps::kSystemWide,
      .events = {"events.process.start", "events.process.exec", "events.process.stop",
                 "events.process.suspicious"},
      .needs = "CAP_BPF and CAP_PERFMON, Linux 5.19 with BTF",
      .is_polling = false,
  };
}

}  // namespace

ExecSource::ExecSource(ProcessTracker& tracker, size_t ring_bytes, base::Clock& clock)
    : descriptor_(MakeDescriptor()),
      tracker_(tracker),
      ring_bytes_(ring_bytes),
      clock_(clock),
      reporter_(tracker),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ExecSource::~ExecSource() { Stop(); }

absl::Status ExecSource::Start(collector::EventSink& sink) {
  {
    base::MutexLock lock(mu_);
    if (probe_ != nullptr) return absl::FailedPreconditionError("already started");
  }
  if (wake_.get() < 0) return absl::ResourceExhaustedError("no descriptor for an eventfd");
  // What begins from here on has its record, or is counted as lost.
  ASSIGN_OR_RETURN(const uint64_t since_ticks, tracker_.NowTicks());
  ASSIGN_OR_RETURN(
      std::shared_ptr<bpf::ProcessProbe> probe,
      bpf::ProcessProbe::Open(
          {.ring_bytes = ring_bytes_, .pid_namespace_inode = tracker_.fs.pid_namespace_inode()}));
  {
    base::MutexLock lock(mu_);
    probe_ = std::move(probe);
    status_ = absl::OkStatus();
  }
  missed_ = 0;
  tracker_.live.Begin(since_ticks, [this] { Wake(); });
  thread_ =
      base::Thread("process-exec", [this, &sink](const std::stop_token& stop) { Run(stop, sink); });
  return absl::OkStatus();
}

void ExecSource::Stop() {
  thread_.RequestStop();
  Wake();
  thread_.StopAndJoin();
  const absl::StatusOr<uint64_t> now_ticks = tracker_.NowTicks();
  tracker_.live.End(now_ticks.value_or(0));
  base::MutexLock lock(mu_);
  probe_ = nullptr;
}

void ExecSource::Wake() const {
  const uint64_t one = 1;
  // Full, it is readable already.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void ExecSource::Run(const std::stop_token& stop, collector::EventSink& sink) {
  while (!stop.stop_requested()) {
    // The kernel wakes it for the first record after silence; while there is more it looks by
    // itself, and nobody pays for waking it.
    const absl::StatusOr<size_t> read = Drain(stop, sink);
    if (!read.ok()) return Fail(read.status(), sink);
    if (*read != 0) {
      pacer_.Record(*read, clock_.MonotonicNow());
      Await(static_cast<int>(absl::ToInt64Milliseconds(pacer_.Interval())));
    } else {
      Await(-1);
    }
  }
  // What happened before the stop.
  Drain({}, sink).IgnoreError();
}

void ExecSource::Fail(absl::Status why, collector::EventSink& sink) {
  // Stopped.
  if (absl::IsCancelled(why) || absl::IsFailedPrecondition(why)) return;
  {
    base::MutexLock lock(mu_);
    status_ = why;
  }
  sink.ReportFailure(std::move(why));
}

void ExecSource::Await(int timeout_ms) {
  std::array<pollfd, 2> ready = {pollfd{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = -1, .events = POLLIN, .revents = 0}};
  if (timeout_ms < 0) {
    base::MutexLock lock(mu_);
    ready[1].fd = probe_->fd();
  }
  ::poll(ready.data(), ready.size(), timeout_ms);
  uint64_t count;
  if (ready[0].revents != 0) {
    [[maybe_unused]] const ssize_t taken = ::read(wake_.get(), &count, sizeof count);
  }
}

absl::StatusOr<size_t> ExecSource::Drain(const std::stop_token& stop, collector::EventSink& sink) {
  std::shared_ptr<bpf::ProcessProbe> probe;
  {
    base::MutexLock lock(mu_);
    probe = probe_;
  }
  const uint64_t asked = tracker_.live.asked();
  size_t read = 0;
  do {
    // Until there is room the kernel's ring is the queue.
    while (!sink.AwaitRoom(clock_.MonotonicNow() + kRoomWait)) {
      if (stop.stop_requested()) return absl::CancelledError("stopped");
    }
    probe->Read(kMaxRecords, batch_);
    read += batch_.records.size();
    RETURN_IF_ERROR(Report(sink));
  } while (batch_.has_more && !stop.stop_requested());
  probe->Release(batch_);
  tracker_.live.Answer(asked);
  ReportMissed(*probe, sink);
  return read;
}

void ExecSource::ReportMissed(const bpf::ProcessProbe& probe, collector::EventSink& sink) {
  const base::Monotonic now = clock_.MonotonicNow();
  if (base::Elapsed(missed_read_, now) < kMissedInterval) return;
  missed_read_ = now;
  const bpf::ProbeCounters counters = probe.ReadCounters();
  const uint64_t missed =
      counters.fork.missed_count + counters.exec.missed_count + counters.exit.missed_count;
  const uint64_t before = std::exchange(missed_, missed);
  if (missed <= before) return;
  sink.ReportLoss("kernel_ring", "missed", missed - before);
  tracker_.live.RequestScan();
}

absl::Status ExecSource::Report(collector::EventSink& sink) {
  const bpf::ProbeLoss& lost = batch_.lost;
  if (lost.any()) {
    sink.ReportLoss("kernel_ring", "full", lost.fork_count + lost.exec_count + lost.exit_count);
  }
  if (batch_.malformed_count != 0) {
    sink.ReportLoss("kernel_ring", "malformed", batch_.malformed_count);
  }
  bool is_scan_wanted = lost.any() || batch_.malformed_count != 0;
  if (!batch_.records.empty()) {
    base::MutexLock lock(tracker_.mu);
    RETURN_IF_ERROR(reporter_.Report(batch_, sink));
    is_scan_wanted |= reporter_.has_shed();
  }
  if (is_scan_wanted) tracker_.live.RequestScan();
  if (batch_.records.empty()) return absl::OkStatus();
  base::MutexLock lock(mu_);
  last_event_time_ = clock_.Now();
  return absl::OkStatus();
}

collector::SourceHealth ExecSource::HealthCheck() const {
  base::MutexLock lock(mu_);
  collector::SourceHealth health;
  health.status = status_;
  if (probe_ == nullptr) {
    health.status = absl::FailedPreconditionError("process-exec is not started");
  } else if (health.status.ok()) {
    health.status = probe_->Check();
  }
  health.last_event_time = last_event_time_;
  return health;
}

absl::Status ExecSource::Refresh(base::Monotonic deadline) {
  return tracker_.live.AwaitDrained(deadline)
             ? absl::OkStatus()
             : absl::DeadlineExceededError("the kernel's ring was not read in time");
}

std::optional<bpf::ProbeCounters> ExecSource::counters() const {
  base::MutexLock lock(mu_);
  if (probe_ == nullptr) return std::nullopt;
  return probe_->ReadCounters();
}

}  // namespace daemoneye::process
