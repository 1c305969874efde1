#include "services/collector_gateway/execution_stream.h"

#include <utility>

namespace daemoneye::gateway {

using base::MutexLock;
using base::operator+;

std::shared_ptr<ExecutionStream> ExecutionStream::Create(ExecutionStreamOptions options,
                                                         ExecutionStreamPorts ports) {
  std::shared_ptr<ExecutionStream> stream(new ExecutionStream(std::move(options), ports));
  stream->loop_id_ = ports.loop.Add(stream);
  ports.hub.Watch(stream->options_.execution_id, stream->loop_id_);
  return stream;
}

void ExecutionStream::Drain() {
  const MutexLock lock(mu_);
  FinishLocked(absl::UnavailableError("the server is shutting down"));
}

void ExecutionStream::OnStart(rpc::StreamPort& port) {
  {
    const MutexLock lock(mu_);
    port_ = &port;
  }
  ports_.loop.Wake(loop_id_);
}

void ExecutionStream::OnWriteDone(bool ok) {
  const auto self = shared_from_this();
  {
    const MutexLock lock(mu_);
    is_write_outstanding_ = false;
    if (!ok) FinishLocked(absl::CancelledError("the peer has gone"));
  }
  ports_.loop.Wake(loop_id_);
}

void ExecutionStream::OnCancel() {
  const auto self = shared_from_this();
  const MutexLock lock(mu_);
  FinishLocked(absl::CancelledError("the peer has gone"));
}

void ExecutionStream::OnDone() {
  ports_.hub.Unwatch(options_.execution_id, loop_id_);
  ports_.loop.Remove(loop_id_);
  if (options_.on_done) options_.on_done();
}

base::Monotonic ExecutionStream::OnWake() {
  const base::Monotonic now = ports_.clock.MonotonicNow();
  {
    const MutexLock lock(mu_);
    if (port_ == nullptr) return monitor::StreamLoop::kNever;
    if (is_write_outstanding_) return WaitForWriteLocked(now);
    if (has_ended_) {
      FinishLocked(absl::OkStatus());
      return monitor::StreamLoop::kNever;
    }
  }
  const absl::StatusOr<analysis::ExecutionPtr> execution =
      ports_.executions.Get(options_.execution_id);
  std::shared_ptr<const std::string> message;
  if (execution.ok() && (*execution)->revision() > sent_revision_) {
    message = ports_.hub.MessageOf(*execution);
    sent_revision_ = (*execution)->revision();
    has_ended_ = HasEnded(**execution);
  }
  const MutexLock lock(mu_);
  if (port_ == nullptr) return monitor::StreamLoop::kNever;
  if (!execution.ok()) {
    FinishLocked(execution.status());
    return monitor::StreamLoop::kNever;
  }
  if (message == nullptr) return monitor::StreamLoop::kNever;  // as it was told
  is_write_outstanding_ = true;
  write_started_ = now;
  port_->Write({.pieces = {{.owner = message, .bytes = *message}}});
  return write_started_ + options_.write_timeout;
}

base::Monotonic ExecutionStream::WaitForWriteLocked(base::Monotonic now) {
  const base::Monotonic deadline = write_started_ + options_.write_timeout;
  if (now < deadline) return deadline;
  if (!std::exchange(is_aborted_, true)) port_->Abort();
  return monitor::StreamLoop::kNever;
}

void ExecutionStream::FinishLocked(const absl::Status& status) {
  if (port_ == nullptr) return;
  rpc::StreamPort* const port = std::exchange(port_, nullptr);
  port->Finish(status);
}

}  // namespace daemoneye::gateway
