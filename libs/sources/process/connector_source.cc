#include "libs/sources/process/connector_source.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::process {
namespace {

using base::operator+;

constexpr size_t kMaxEvents = 256;
// How long it waits for room before it looks whether it is to stop.
constexpr absl::Duration kRoomWait = absl::Milliseconds(100);
// PROC_PID_INIT_INO of the kernel: pids are told as the initial namespace has them.
constexpr uint64_t kInitialPidNamespace = 0xEFFFFFFC;

collector::SourceDescriptor MakeDescriptor() {
  using collector::SourceCaps;
  return {
      .name = kConnectorSourceName,
      .caps = SourceCaps::kProcess | SourceCaps::kRealtime | SourceCaps::kSystemWide,
      .events = {"events.process.start", "events.process.exec", "events.process.stop",
                 "events.process.suspicious"},
      .needs = "the initial pid and network namespaces; CAP_NET_ADMIN before Linux 6.6",
      .is_polling = false,
  };
}

}  // namespace

ConnectorSource::ConnectorSource(ProcessTracker& tracker, size_t receive_buffer_bytes,
                                 base::Clock& clock)
    : descriptor_(MakeDescriptor()),
      tracker_(tracker),
      receive_buffer_bytes_(receive_buffer_bytes),
      clock_(clock),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ConnectorSource::~ConnectorSource() { Stop(); }

absl::Status ConnectorSource::Start(collector::EventSink& sink) {
  {
    base::MutexLock lock(mu_);
    if (is_started_) return absl::FailedPreconditionError("already started");
  }
  if (!wake_.valid()) return absl::ResourceExhaustedError("no descriptor for an eventfd");
  if (tracker_.fs.pid_namespace_inode() != kInitialPidNamespace) {
    return absl::UnimplementedError(
        "process-connector: /proc is not that of the initial pid namespace");
  }
  ASSIGN_OR_RETURN(std::unique_ptr<netlink::ProcConnector> connector,
                   netlink::ProcConnector::Open({.receive_buffer_bytes = receive_buffer_bytes_,
                                                 .kinds = MaskOf(netlink::ProcEventKind::kFork) |
                                                          MaskOf(netlink::ProcEventKind::kExec) |
                                                          MaskOf(netlink::ProcEventKind::kExit)}));
  // What begins from here on is told, or counted as lost.
  ASSIGN_OR_RETURN(const uint64_t since_ticks, tracker_.NowTicks());
  {
    base::MutexLock lock(mu_);
    is_started_ = true;
    status_ = absl::OkStatus();
    counters_ = connector->counters();
  }
  connector_ = std::move(connector);
  {
    base::MutexLock lock(tracker_.mu);
    reporter_.emplace(tracker_);
  }
  tracker_.live.Begin(since_ticks + 1, [this] { Wake(); });
  thread_ =
      base::Thread("process-conn", [this, &sink](const std::stop_token& stop) { Run(stop, sink); });
  return absl::OkStatus();
}

void ConnectorSource::Stop() {
  {
    base::MutexLock lock(mu_);
    if (!is_started_) return;
  }
  thread_.RequestStop();
  Wake();
  thread_.StopAndJoin();
  const absl::StatusOr<uint64_t> now_ticks = tracker_.NowTicks();
  tracker_.live.End(now_ticks.value_or(0));
  connector_ = nullptr;
  base::MutexLock lock(mu_);
  is_started_ = false;
}

void ConnectorSource::Wake() const {
  const uint64_t one = 1;
  // Full, it is readable already.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void ConnectorSource::Await() const {
  std::array<pollfd, 2> ready = {pollfd{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = connector_->fd(), .events = POLLIN, .revents = 0}};
  ::poll(ready.data(), ready.size(), -1);
  if (ready[0].revents == 0) return;
  uint64_t count;
  [[maybe_unused]] const ssize_t taken = ::read(wake_.get(), &count, sizeof count);
}

void ConnectorSource::Run(const std::stop_token& stop, collector::EventSink& sink) {
  while (!stop.stop_requested()) {
    if (absl::Status status = Drain(stop, sink); !status.ok()) {
      Fail(std::move(status), sink);
      return;
    }
    Await();
  }
  // What happened before the stop.
  Drain({}, sink).IgnoreError();
}

void ConnectorSource::Fail(absl::Status why, collector::EventSink& sink) {
  // Stopped.
  if (absl::IsCancelled(why) || absl::IsFailedPrecondition(why)) return;
  {
    base::MutexLock lock(mu_);
    status_ = why;
  }
  sink.ReportFailure(std::move(why));
}

absl::Status ConnectorSource::Drain(const std::stop_token& stop, collector::EventSink& sink) {
  const uint64_t asked = tracker_.live.asked();
  do {
    // Until there is room the socket is the queue.
    while (!sink.AwaitRoom(clock_.MonotonicNow() + kRoomWait)) {
      if (stop.stop_requested()) return absl::CancelledError("stopped");
    }
    RETURN_IF_ERROR(connector_->Read(kMaxEvents, batch_));
    RETURN_IF_ERROR(Report(sink));
  } while (batch_.has_more && !stop.stop_requested());
  tracker_.live.Answer(asked);
  return absl::OkStatus();
}

absl::Status ConnectorSource::Report(collector::EventSink& sink) {
  bool is_scan_wanted = batch_.lost_count != 0;
  if (is_scan_wanted) sink.ReportLoss("kernel_socket", "full", batch_.lost_count);
  if (is_scan_wanted || !batch_.events.empty()) {
    base::MutexLock lock(tracker_.mu);
    RETURN_IF_ERROR(reporter_->Report(batch_, sink));
    is_scan_wanted |= reporter_->has_shed();
  }
  if (is_scan_wanted) tracker_.live.RequestScan();
  base::MutexLock lock(mu_);
  counters_ = connector_->counters();
  if (!batch_.events.empty()) last_event_time_ = clock_.Now();
  return absl::OkStatus();
}

collector::SourceHealth ConnectorSource::HealthCheck() const {
  base::MutexLock lock(mu_);
  collector::SourceHealth health;
  health.status =
      is_started_ ? status_ : absl::FailedPreconditionError("process-connector is not started");
  health.last_event_time = last_event_time_;
  return health;
}

absl::Status ConnectorSource::Refresh(base::Monotonic deadline) {
  return tracker_.live.AwaitDrained(deadline)
             ? absl::OkStatus()
             : absl::DeadlineExceededError("the connector's socket was not read in time");
}

std::optional<netlink::ProcConnectorCounters> ConnectorSource::counters() const {
  base::MutexLock lock(mu_);
  if (!is_started_) return std::nullopt;
  return counters_;
}

}  // namespace daemoneye::process
