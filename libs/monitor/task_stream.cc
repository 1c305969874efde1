#include "libs/monitor/task_stream.h"

#include <utility>

namespace daemoneye::monitor {

using base::operator+;

void TaskStream::OnStart(rpc::StreamPort& port) {
  {
    base::MutexLock lock(mu_);
    port_ = &port;
  }
  on_start_();
}

void TaskStream::Run(const Task& task) {
  const absl::Status status =
      task(stop_.get_token(), [this](std::string message) { return Enqueue(std::move(message)); });
  base::MutexLock lock(mu_);
  if (!has_result_) {
    has_result_ = true;
    result_ = status;
  }
  PumpLocked();
}

void TaskStream::Stop(const absl::Status& status) {
  stop_.request_stop();
  base::MutexLock lock(mu_);
  if (has_result_) return;
  has_result_ = true;
  result_ = status;
  is_stopped_ = true;
  room_.NotifyAll();
  PumpLocked();
}

void TaskStream::OnWriteDone(bool ok) {
  base::MutexLock lock(mu_);
  is_write_outstanding_ = false;
  if (!ok) {
    FinishLocked(absl::CancelledError("the peer has gone"));
    return;
  }
  PumpLocked();
}

void TaskStream::OnCancel() {
  stop_.request_stop();
  base::MutexLock lock(mu_);
  FinishLocked(absl::CancelledError("the peer has gone"));
}

void TaskStream::OnDone() {
  if (on_done_ != nullptr) on_done_();
}

bool TaskStream::Enqueue(std::string message) {
  base::MutexLock lock(mu_);
  const base::Monotonic deadline = clock_.MonotonicNow() + write_timeout_;
  while (port_ != nullptr && !is_stopped_ && pending_bytes_ >= kMaxPendingBytes) {
    if (clock_.WaitUntil(room_, mu_, deadline) || clock_.MonotonicNow() < deadline) continue;
    is_stopped_ = true;
    if (port_ != nullptr) port_->Abort();
  }
  if (port_ == nullptr || is_stopped_) return false;
  pending_bytes_ += message.size();
  pending_.push_back(std::move(message));
  PumpLocked();
  return true;
}

void TaskStream::PumpLocked() {
  if (port_ == nullptr || is_write_outstanding_) return;
  if (pending_.empty()) {
    if (has_result_) FinishLocked(result_);
    return;
  }
  auto message = std::make_shared<const std::string>(std::move(pending_.front()));
  pending_.pop_front();
  pending_bytes_ -= message->size();
  is_write_outstanding_ = true;
  room_.NotifyAll();
  port_->Write({.pieces = {{message, *message}}});
}

void TaskStream::FinishLocked(const absl::Status& status) {
  pending_.clear();
  pending_bytes_ = 0;
  room_.NotifyAll();
  if (port_ != nullptr) std::exchange(port_, nullptr)->Finish(status);
}

}  // namespace daemoneye::monitor
