#include "services/collector_gateway/alert_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "libs/base/status_macros.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using base::operator+;

constexpr size_t kReadAlerts = 64;

}  // namespace

std::shared_ptr<AlertStream> AlertStream::Create(AlertStreamOptions options,
                                                 const storage::AlertStore& store,
                                                 monitor::StreamLoop& loop, base::Clock& clock) {
  std::shared_ptr<AlertStream> stream(new AlertStream(std::move(options), store, loop, clock));
  stream->loop_id_ = loop.Add(stream);
  return stream;
}

void AlertStream::Drain() {
  const MutexLock lock(mu_);
  FinishLocked(absl::UnavailableError("the server is shutting down"));
}

void AlertStream::OnStart(rpc::StreamPort& port) {
  {
    const MutexLock lock(mu_);
    port_ = &port;
  }
  loop_.Wake(loop_id_);
}

void AlertStream::OnWriteDone(bool ok) {
  const auto self = shared_from_this();
  {
    const MutexLock lock(mu_);
    is_write_outstanding_ = false;
    if (!ok) FinishLocked(absl::CancelledError("the peer has gone"));
  }
  loop_.Wake(loop_id_);
}

void AlertStream::OnCancel() {
  const auto self = shared_from_this();
  const MutexLock lock(mu_);
  FinishLocked(absl::CancelledError("the peer has gone"));
}

void AlertStream::OnDone() {
  loop_.Remove(loop_id_);
  if (options_.on_done) options_.on_done();
}

base::Monotonic AlertStream::OnWake() {
  const base::Monotonic now = clock_.MonotonicNow();
  {
    const MutexLock lock(mu_);
    if (port_ == nullptr) return monitor::StreamLoop::kNever;
    if (is_write_outstanding_) return WaitForWriteLocked(now);
  }
  absl::Status status;
  if (messages_.empty() && !(is_placed_ && IsAtEnd())) status = Read();
  if (messages_.empty() && is_placed_ && now >= heartbeat_at_) AddHeartbeat();

  const MutexLock lock(mu_);
  if (port_ == nullptr) return monitor::StreamLoop::kNever;
  if (!status.ok()) {
    FinishLocked(status);
    return monitor::StreamLoop::kNever;
  }
  if (!messages_.empty()) {
    WriteLocked(now);
    return write_started_ + options_.write_timeout;
  }
  if (IsAtEnd()) {
    FinishLocked(absl::OkStatus());
    return monitor::StreamLoop::kNever;
  }
  return heartbeat_at_;
}

base::Monotonic AlertStream::WaitForWriteLocked(base::Monotonic now) {
  const base::Monotonic deadline = write_started_ + options_.write_timeout;
  if (now < deadline) return deadline;
  if (!std::exchange(is_aborted_, true)) port_->Abort();
  return monitor::StreamLoop::kNever;
}

absl::Status AlertStream::Read() {
  ASSIGN_OR_RETURN(const storage::AlertRange range, store_.range());
  newest_ = range.newest;
  RETURN_IF_ERROR(Place(range));
  if (after_ >= range.newest) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<v1::Alert> alerts,
                   store_.ReadAfter(options_.request.filter(), after_, kReadAlerts));
  v1::StreamAlertsResponse message;
  for (const v1::Alert& alert : alerts) {
    if (end_.has_value() && alert.sequence() > *end_) break;
    *message.mutable_alert() = alert;
    Add(message);
  }
  // Fewer than it may read: there is nothing more that passes the filter, up to the newest.
  if (!alerts.empty()) after_ = alerts.back().sequence();
  if (alerts.size() < kReadAlerts) after_ = std::max(after_, range.newest);
  return absl::OkStatus();
}

absl::Status AlertStream::Place(const storage::AlertRange& range) {
  const v1::StreamAlertsRequest& request = options_.request;
  if (!is_placed_) {
    after_ = request.has_after_sequence() ? request.after_sequence() : range.newest;
    if (after_ > range.newest) {
      return absl::InvalidArgumentError(
          fmt::format("after_sequence: {} is beyond the newest alert, {}", after_, range.newest));
    }
    if (request.has_follow() && !request.follow()) end_ = range.newest;
    is_placed_ = true;
    AddHeartbeat();
  }
  if (after_ + 1 < range.oldest) {
    // 0 asks for all that is kept: nothing is missing then.
    const bool is_asked_for =
        !(request.has_after_sequence() && request.after_sequence() == 0 && after_ == 0);
    after_ = range.oldest - 1;
    if (is_asked_for) {
      v1::StreamAlertsResponse message;
      message.set_missed_up_to(after_);
      Add(message);
    }
  }
  return absl::OkStatus();
}

void AlertStream::Add(const v1::StreamAlertsResponse& message) {
  messages_.push_back(message.SerializeAsString());
}

void AlertStream::AddHeartbeat() {
  v1::StreamAlertsResponse message;
  message.set_heartbeat(newest_);
  Add(message);
}

void AlertStream::WriteLocked(base::Monotonic now) {
  const auto bytes = std::make_shared<const std::string>(std::move(messages_.front()));
  messages_.pop_front();
  is_write_outstanding_ = true;
  write_started_ = now;
  heartbeat_at_ = now + options_.heartbeat_interval;
  port_->Write({.pieces = {{.owner = bytes, .bytes = *bytes}}});
}

void AlertStream::FinishLocked(const absl::Status& status) {
  if (port_ == nullptr) return;
  rpc::StreamPort* const port = std::exchange(port_, nullptr);
  port->Finish(status);
}

}  // namespace daemoneye::gateway
