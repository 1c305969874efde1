#include "libs/event_bus/local_subscription.h"

#include <fmt/format.h>

#include <algorithm>

#include "libs/base/status_macros.h"

namespace daemoneye::event_bus {
namespace {

constexpr size_t kMaxClientIdBytes = 128;
// What one Poll looks at, so that a filter that passes nothing cannot hold its thread for long.
constexpr size_t kMaxLookedAt = 4096;
constexpr size_t kMaxTakenBatches = 1024;

uint64_t CountOf(const ClassMask& mask, const ClassCounts& until, const ClassCounts& since) {
  uint64_t count = 0;
  for (size_t i = 0; i < kClassCount; ++i) {
    if (mask[i]) count += until[i] - since[i];
  }
  return count;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalSubscription>> LocalSubscription::Create(
    BusCore& core, EventSelector selector, SubscribeOptions options, size_t max_subscribers,
    size_t max_sql_filters) {
  if (options.client_id.size() > kMaxClientIdBytes) {
    return absl::InvalidArgumentError(fmt::format("client_id: {} bytes, at most {} are allowed",
                                                  options.client_id.size(), kMaxClientIdBytes));
  }
  const std::optional<uint64_t> from = options.from_sequence;
  const bool has_sql = selector.has_sql();
  std::unique_ptr<LocalSubscription> subscription(
      new LocalSubscription(core, std::move(selector), std::move(options)));
  base::MutexLock lock(core.mu);
  subscription->AssertLocked();
  if (core.subscriptions.size() >= max_subscribers) {
    return absl::ResourceExhaustedError(
        fmt::format("no more than {} subscribers", max_subscribers));
  }
  if (has_sql && core.sql_filters >= max_sql_filters) {
    return absl::ResourceExhaustedError(
        fmt::format("no more than {} subscribers with filter.sql", max_sql_filters));
  }
  const uint64_t next = core.ring.next_sequence();
  if (from && (*from == 0 || *from > next)) {
    return absl::InvalidArgumentError(
        fmt::format("from_sequence: {} is not within 1 and {}", *from, next));
  }
  core.sql_filters += has_sql ? 1 : 0;
  subscription->BeginLocked(from);
  core.subscriptions.push_back(subscription.get());
  subscription->is_registered_ = true;
  return subscription;
}

LocalSubscription::LocalSubscription(BusCore& core, EventSelector selector,
                                     SubscribeOptions options)
    : core_(core), selector_(std::move(selector)), options_(std::move(options)) {
  base::MutexLock lock(wake_up_->mu);
  wake_up_->call = options_.on_ready;
}

LocalSubscription::~LocalSubscription() {
  wake_up_->Cancel();
  base::MutexLock lock(core_.mu);
  if (!is_registered_) return;
  std::erase(core_.armed, this);
  std::erase(core_.subscriptions, this);
  core_.sql_filters -= selector_.has_sql() ? 1 : 0;
}

void LocalSubscription::BeginLocked(std::optional<uint64_t> from_sequence) {
  first_sequence_ = from_sequence.value_or(core_.ring.next_sequence());
  position_ = std::max(first_sequence_, core_.ring.oldest_sequence());
  batch_id_ = core_.ring.FindBatch(position_);
  passed_by_ = core_.ring.CountBefore(position_);
  if (first_sequence_ == position_) return;
  // What fell out before this subscriber came: told as a notice, never a reason to disconnect.
  std::optional<uint64_t> count;
  if (first_sequence_ == 1) count = CountOf(selector_.possible(), core_.ring.evicted(), {});
  if (count == 0) {
    filtered_ += position_ - first_sequence_;
    return;
  }
  dropped_ += position_ - first_sequence_;
  initial_gap_ = MissedRange{first_sequence_, position_ - 1, count};
}

absl::Status LocalSubscription::CatchUpLocked(std::optional<MissedRange>& missed) {
  RETURN_IF_ERROR(failure_);
  missed = initial_gap_;
  initial_gap_.reset();
  const uint64_t oldest = core_.ring.oldest_sequence();
  if (position_ >= oldest) return absl::OkStatus();
  const MissedRange range{position_, oldest - 1,
                          CountOf(selector_.possible(), core_.ring.evicted(), passed_by_)};
  const uint64_t lost = oldest - position_;
  passed_by_ = core_.ring.evicted();
  position_ = oldest;
  batch_id_ = core_.ring.first_batch_id();
  if (range.count == 0) {
    // Nothing among them could have passed: as good as read.
    filtered_ += lost;
    return absl::OkStatus();
  }
  dropped_ += lost;
  if (options_.overflow == Overflow::kDisconnect) {
    failure_ = absl::ResourceExhaustedError(
        fmt::format("fell behind: positions {} to {} are no longer held", range.first_sequence,
                    range.last_sequence));
    return failure_;
  }
  if (!missed) {
    missed = range;
    return absl::OkStatus();
  }
  missed->last_sequence = range.last_sequence;
  if (missed->count) *missed->count += *range.count;
  return absl::OkStatus();
}

void LocalSubscription::TakeBatchesLocked() {
  size_t events = 0;
  const uint64_t end = core_.ring.end_batch_id();
  for (uint64_t id = batch_id_; id < end; ++id) {
    taken_.push_back(core_.ring.batch(id));
    events += taken_.back()->size();
    if (events >= kMaxLookedAt || taken_.size() >= kMaxTakenBatches) return;
  }
}

absl::StatusOr<Delivery> LocalSubscription::Poll(const DeliveryLimits& limits) {
  Delivery delivery;
  {
    base::MutexLock lock(core_.mu);
    RETURN_IF_ERROR(CatchUpLocked(delivery.missed));
    TakeBatchesLocked();
    delivery.position = position_ - 1;
  }
  const uint64_t before = delivery.position;
  const size_t finished_batches = ReadBatches(limits, delivery);
  taken_.clear();
  const uint64_t looked_at = delivery.position - before;
  base::MutexLock lock(core_.mu);
  position_ += looked_at;
  batch_id_ += finished_batches;
  delivered_ += delivery.event_count;
  filtered_ += looked_at - delivery.event_count;
  failed_events_ = selector_.failed_events();
  delivery.caught_up = position_ == core_.ring.next_sequence();
  return delivery;
}

size_t LocalSubscription::ReadBatches(const DeliveryLimits& limits, Delivery& delivery) {
  size_t finished = 0;
  for (const std::shared_ptr<const EventBatch>& batch : taken_) {
    while (delivery.position < batch->last_sequence()) {
      if (!ReadRun(batch, limits, delivery)) return finished;
    }
    selector_.Forget();
    ++finished;
  }
  return finished;
}

bool LocalSubscription::ReadRun(const std::shared_ptr<const EventBatch>& batch,
                                const DeliveryLimits& limits, Delivery& delivery) {
  const size_t max_events = std::max<size_t>(limits.max_events, 1);
  if (delivery.event_count >= max_events) return false;
  const size_t first = delivery.position + 1 - batch->first_sequence();
  const size_t count = std::min(batch->size() - first, max_events - delivery.event_count);
  selector_.Select(*batch, first, count, passes_);
  for (size_t i = 0; i < count; ++i) {
    const size_t index = first + i;
    if (passes_[i] != 0) {
      const size_t bytes = batch->frames(index, 1).size();
      if (delivery.event_count > 0 && delivery.byte_count + bytes > limits.max_bytes) return false;
      BatchSpan* last = delivery.spans.empty() ? nullptr : &delivery.spans.back();
      if (last != nullptr && last->batch == batch && last->first + last->count == index) {
        ++last->count;
      } else {
        delivery.spans.push_back({batch, static_cast<uint32_t>(index), 1});
      }
      ++delivery.event_count;
      delivery.byte_count += bytes;
    }
    ++passed_by_[ClassOf(batch->traits(index))];
    ++delivery.position;
  }
  return true;
}

absl::StatusOr<Delivery> LocalSubscription::Next(const DeliveryLimits& limits,
                                                 base::Monotonic deadline) {
  while (true) {
    ASSIGN_OR_RETURN(Delivery delivery, Poll(limits));
    if (delivery.event_count > 0 || delivery.missed) return delivery;
    if (!delivery.caught_up) {
      if (core_.clock.MonotonicNow() >= deadline) return delivery;
      continue;
    }
    base::MutexLock lock(core_.mu);
    while (!IsReadableLocked(1)) {
      if (!core_.clock.WaitUntil(core_.appended, core_.mu, deadline)) return delivery;
    }
  }
}

bool LocalSubscription::IsReadableLocked(uint64_t positions) const {
  return core_.ring.next_sequence() - position_ >= positions || initial_gap_ || !failure_.ok();
}

bool LocalSubscription::ArmFor(uint64_t positions) {
  base::MutexLock lock(core_.mu);
  if (IsReadableLocked(positions)) return false;
  wanted_positions_ = positions;
  if (std::find(core_.armed.begin(), core_.armed.end(), this) == core_.armed.end()) {
    core_.armed.push_back(this);
  }
  return true;
}

uint64_t LocalSubscription::next_sequence() const {
  base::MutexLock lock(core_.mu);
  return position_;
}

SubscriberStatistics LocalSubscription::statistics() const {
  base::MutexLock lock(core_.mu);
  return StatisticsLocked();
}

SubscriberStatistics LocalSubscription::StatisticsLocked() const {
  return {.client_id = options_.client_id,
          .first_sequence = first_sequence_,
          .delivered = delivered_,
          .filtered = filtered_,
          .dropped = dropped_,
          .queued = core_.ring.next_sequence() - position_,
          .filter_errors = failed_events_};
}

}  // namespace daemoneye::event_bus
