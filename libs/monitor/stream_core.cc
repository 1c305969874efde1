#include "libs/monitor/stream_core.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "daemoneye/v1/event.pb.h"
#include "libs/monitor/frame.h"

namespace daemoneye::monitor {
namespace {

using base::operator+;
using event_bus::BatchSpan;
using event_bus::Delivery;
using event_bus::DeliveryLimits;

// What one Poll brings to a stream that writes one by one.
constexpr DeliveryLimits kOneByOneLimits = {.max_events = 256, .max_bytes = 256 << 10};

std::string MissedControl(const event_bus::MissedRange& range) {
  v1::CollectionEvent event;
  v1::Missed& missed = *event.mutable_control()->mutable_missed();
  missed.set_first_sequence(range.first_sequence);
  missed.set_last_sequence(range.last_sequence);
  if (range.count.has_value()) missed.set_count(*range.count);
  return event.SerializeAsString();
}

std::string HeartbeatControl(uint64_t position) {
  v1::CollectionEvent event;
  event.mutable_control()->mutable_heartbeat()->set_sequence(position);
  return event.SerializeAsString();
}

// Fewer are not worth a wake-up of their own, however small a client wants its messages.
constexpr uint64_t kMinGathered = 64;

// Positions of the log that fill a message within `limits`, when `looked_at` of them gave this.
uint64_t PositionsOfAMessage(const DeliveryLimits& limits, uint64_t looked_at,
                             const Delivery& delivery) {
  if (delivery.event_count == 0) return std::numeric_limits<uint64_t>::max();
  const double messages =
      std::max(static_cast<double>(delivery.event_count) / static_cast<double>(limits.max_events),
               static_cast<double>(delivery.byte_count) / static_cast<double>(limits.max_bytes));
  return std::max(kMinGathered, static_cast<uint64_t>(static_cast<double>(looked_at) / messages));
}

// Leaves out what lies behind `end_position`. (Not a filter's range: that would parse every event.)
void CutAt(uint64_t end_position, Delivery& delivery) {
  while (!delivery.spans.empty()) {
    BatchSpan& span = delivery.spans.back();
    const uint64_t first = span.batch->first_sequence() + span.first;
    if (first + span.count - 1 <= end_position) return;
    if (first <= end_position) {
      span.count = static_cast<uint32_t>(end_position + 1 - first);
      return;
    }
    delivery.spans.pop_back();
  }
}

absl::Status ShuttingDown() { return absl::UnavailableError("the server is shutting down"); }

}  // namespace

std::shared_ptr<StreamCore> StreamCore::Create(StreamCoreOptions options, StreamLoop& loop,
                                               const Announcements& announcements,
                                               base::Clock& clock) {
  return std::shared_ptr<StreamCore>(
      new StreamCore(std::move(options), loop, announcements, clock));
}

StreamCore::StreamCore(StreamCoreOptions options, StreamLoop& loop,
                       const Announcements& announcements, base::Clock& clock)
    : options_(std::move(options)),
      suffix_(std::make_shared<const std::string>(
          options_.limits.is_batched ? StreamIdSuffix(options_.stream_id) : "")),
      loop_(loop),
      announcements_(announcements),
      clock_(clock) {}

void StreamCore::OnStart(rpc::StreamPort& port) {
  const StreamLoop::Id id = loop_.Add(shared_from_this());
  {
    base::MutexLock lock(mu_);
    port_ = &port;
    loop_id_ = id;
  }
  auto open = std::exchange(options_.open, nullptr);
  open([&loop = loop_, id] { loop.Wake(id); },
       [self = shared_from_this()](absl::StatusOr<OpenedStream> opened) {
         self->OnOpened(std::move(opened));
       });
}

void StreamCore::OnOpened(absl::StatusOr<OpenedStream> opened) {
  base::MutexLock lock(mu_);
  if (port_ == nullptr) return;
  if (!opened.ok()) {
    FinishLocked(opened.status());
    return;
  }
  is_opened_ = true;
  for (std::string& control : opened->preamble) controls_.push_back(std::move(control));
  snapshot_ = std::move(opened->snapshot);
  snapshot_complete_ = std::move(opened->snapshot_complete);
  subscription_ = std::move(opened->subscription);
  end_position_ = opened->end_position;
  announced_version_ = opened->announced_version;
  PumpLocked();
}

void StreamCore::Drain() {
  base::MutexLock lock(mu_);
  is_draining_ = true;
  PumpLocked();
}

void StreamCore::OnWriteDone(bool ok) {
  base::MutexLock lock(mu_);
  is_write_outstanding_ = false;
  if (!ok || is_aborted_) {
    FinishLocked(absl::CancelledError("the peer has gone"));
    return;
  }
  PumpLocked();
}

void StreamCore::OnCancel() {
  base::MutexLock lock(mu_);
  FinishLocked(absl::CancelledError("the peer has gone"));
}

void StreamCore::OnDone() {
  StreamLoop::Id id = 0;
  {
    base::MutexLock lock(mu_);
    port_ = nullptr;
    ReleaseLocked();
    id = loop_id_;
  }
  loop_.Remove(id);
  if (options_.on_done != nullptr) options_.on_done();
}

base::Monotonic StreamCore::OnWake() {
  base::MutexLock lock(mu_);
  const base::Monotonic now = clock_.MonotonicNow();
  if (port_ != nullptr && is_write_outstanding_ && !is_aborted_ &&
      now >= write_started_ + options_.write_timeout) {
    is_aborted_ = true;
    ReleaseLocked();
    port_->Abort();
  }
  while (StepLocked(clock_.MonotonicNow())) {
  }
  return DeadlineLocked(now);
}

void StreamCore::PumpLocked() {
  while (StepLocked(clock_.MonotonicNow())) {
  }
  const base::Monotonic deadline = DeadlineLocked(clock_.MonotonicNow());
  if (deadline != StreamLoop::kNever) loop_.WakeAt(loop_id_, deadline);
}

bool StreamCore::StepLocked(base::Monotonic now) {
  if (port_ == nullptr || is_write_outstanding_ || is_aborted_) return false;
  if (is_draining_ && (!is_opened_ || !snapshot_complete_.empty())) {
    FinishLocked(ShuttingDown());
    return false;
  }
  if (!is_opened_) return false;
  Announcements::News news = announcements_.Since(announced_version_);
  announced_version_ = news.version;
  for (const auto& event : news.events) controls_.push_back(*event);
  if (HasPendingLocked()) {
    WriteLocked(now);
    return false;
  }
  if (IsAtEndLocked()) {
    FinishLocked(absl::OkStatus());
    return false;
  }
  if (IsPacedLocked(now)) return false;
  return PollLocked(now) || IdleLocked(now);
}

bool StreamCore::IsPacedLocked(base::Monotonic now) {
  return now < poll_at_ && !is_draining_ && subscription_->ArmFor(full_positions_);
}

bool StreamCore::PollLocked(base::Monotonic now) {
  const uint64_t before = subscription_->next_sequence();
  const DeliveryLimits limits = PollLimitsLocked();
  absl::StatusOr<Delivery> delivery = subscription_->Poll(limits);
  if (!delivery.ok()) {
    FinishLocked(delivery.status());
    return false;
  }
  const uint64_t looked_at = subscription_->next_sequence() - before;
  if (looked_at == 0 && !delivery->missed.has_value()) return false;
  pacer_.Record(looked_at, now);
  // A burst in progress never waits.
  poll_at_ = delivery->caught_up ? now + pacer_.Interval() : now;
  full_positions_ = PositionsOfAMessage(limits, looked_at, *delivery);
  if (end_position_.has_value()) CutAt(*end_position_, *delivery);
  if (delivery->missed.has_value()) controls_.push_back(MissedControl(*delivery->missed));
  if (delivery->caught_up && !delivery->spans.empty()) ObserveLocked(delivery->spans.back());
  delivery_ = *std::move(delivery);
  span_next_ = 0;
  event_next_ = 0;
  return HasPendingLocked() || IsAtEndLocked();
}

bool StreamCore::IdleLocked(base::Monotonic now) {
  if (port_ == nullptr) return false;
  if (now >= heartbeat_at_) {
    controls_.push_back(HeartbeatControl(subscription_->next_sequence() - 1));
    return true;
  }
  if (IsPacedLocked(now)) return false;
  if (!subscription_->Arm()) return true;
  if (is_draining_) FinishLocked(ShuttingDown());
  return false;
}

bool StreamCore::HasPendingLocked() const {
  return !controls_.empty() || snapshot_next_ < snapshot_.size() || !snapshot_complete_.empty() ||
         span_next_ < delivery_.spans.size();
}

bool StreamCore::IsAtEndLocked() const {
  if (HasPendingLocked()) return false;
  if (EventsLeftLocked() == 0) return true;
  return end_position_.has_value() && subscription_->next_sequence() > *end_position_;
}

uint64_t StreamCore::EventsLeftLocked() const {
  return options_.max_events == 0 ? std::numeric_limits<uint64_t>::max()
                                  : options_.max_events - events_sent_;
}

DeliveryLimits StreamCore::PollLimitsLocked() const {
  DeliveryLimits limits = kOneByOneLimits;
  if (options_.limits.is_batched) {
    limits = {.max_events = options_.limits.max_events,
              .max_bytes =
                  options_.limits.max_bytes - std::min(options_.limits.max_bytes, suffix_->size())};
  }
  limits.max_events = std::min<uint64_t>(limits.max_events, EventsLeftLocked());
  return limits;
}

void StreamCore::WriteLocked(base::Monotonic now) {
  StreamMessage message(options_.limits, suffix_);
  FillLocked(message);
  is_write_outstanding_ = true;
  write_started_ = now;
  heartbeat_at_ = now + options_.heartbeat_interval;
  port_->Write(std::move(message).Finish());
}

void StreamCore::FillLocked(StreamMessage& message) {
  while (!controls_.empty()) {
    if (!message.Fits(controls_.front().size())) return;
    message.AddEvent(controls_.front());
    controls_.pop_front();
  }
  if (FillSnapshotLocked(message)) FillDeliveryLocked(message);
}

bool StreamCore::FillSnapshotLocked(StreamMessage& message) {
  while (snapshot_next_ < snapshot_.size()) {
    std::string& event = snapshot_[snapshot_next_];
    if (!message.Fits(event.size())) return false;
    message.AddEvent(event);
    std::string().swap(event);
    ++snapshot_next_;
    ++events_sent_;
    if (EventsLeftLocked() == 0) {
      snapshot_.clear();
      snapshot_complete_.clear();
      return false;
    }
  }
  if (snapshot_complete_.empty()) return true;
  if (!message.Fits(snapshot_complete_.size())) return false;
  message.AddEvent(snapshot_complete_);
  std::string().swap(snapshot_complete_);
  std::vector<std::string>().swap(snapshot_);
  snapshot_next_ = 0;
  return true;
}

void StreamCore::FillDeliveryLocked(StreamMessage& message) {
  while (span_next_ < delivery_.spans.size()) {
    const BatchSpan& span = delivery_.spans[span_next_];
    const BatchSpan rest = {span.batch, span.first + event_next_, span.count - event_next_};
    const uint32_t taken = message.Room(rest);
    if (taken == 0) return;
    message.AddSpan({rest.batch, rest.first, taken});
    events_sent_ += taken;
    event_next_ += taken;
    if (event_next_ < span.count) return;
    event_next_ = 0;
    ++span_next_;
  }
  delivery_ = {};
  span_next_ = 0;
}

void StreamCore::FinishLocked(const absl::Status& status) {
  ReleaseLocked();
  if (port_ == nullptr) return;
  std::exchange(port_, nullptr)->Finish(status);
}

void StreamCore::ReleaseLocked() {
  subscription_.reset();
  controls_.clear();
  std::vector<std::string>().swap(snapshot_);
  snapshot_next_ = 0;
  std::string().swap(snapshot_complete_);
  delivery_ = {};
  span_next_ = 0;
}

base::Monotonic StreamCore::DeadlineLocked(base::Monotonic now) const {
  if (port_ == nullptr || is_aborted_) return StreamLoop::kNever;
  base::Monotonic deadline = StreamLoop::kNever;
  if (is_write_outstanding_) {
    deadline = write_started_ + options_.write_timeout;
  } else if (is_opened_) {
    deadline = heartbeat_at_;
  }
  return poll_at_ > now ? std::min(deadline, poll_at_) : deadline;
}

void StreamCore::ObserveLocked(const BatchSpan& span) {
  if (options_.observe_latency == nullptr) return;
  v1::CollectionEvent event;
  const std::string_view bytes = span.batch->event_bytes(span.first + span.count - 1);
  if (!event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  if (!event.has_event_time()) return;
  const absl::Time event_time = absl::FromUnixSeconds(event.event_time().seconds()) +
                                absl::Nanoseconds(event.event_time().nanos());
  options_.observe_latency(clock_.Now() - event_time);
}

}  // namespace daemoneye::monitor
