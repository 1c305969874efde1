#include "libs/monitor/store_writer.h"

#include <algorithm>
#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::monitor {
namespace {

using base::operator+;

// Deleted in one transaction, for a moment in which nobody else writes.
constexpr size_t kPruneStep = 2000;
// Marks come behind the events that they belong to, and wake nobody.
constexpr absl::Duration kMarkInterval = absl::Milliseconds(500);

// Everything there is: SAMPLE must be named, and the monitor's own processes asked for.
v1::EventFilter Everything() {
  v1::EventFilter filter;
  filter.add_topics("events.#");
  filter.add_topics("events.process.sample");
  filter.set_own(true);
  return filter;
}

bool HasIdentity(const v1::CollectionEvent& event) {
  return !event.origin().stream_id().empty() && event.origin().sequence() != 0;
}

}  // namespace

StoreWriter::StoreWriter(event_bus::EventBus& bus, storage::Store& store, base::Clock& clock,
                         StoreWriterOptions options)
    : bus_(bus), store_(store), clock_(clock), options_(std::move(options)) {}

absl::Status StoreWriter::Start() {
  ASSIGN_OR_RETURN(subscription_, bus_.Subscribe({.filter = Everything(),
                                                  .from_sequence = 1,
                                                  .client_id = "store",
                                                  .on_ready = [this] { Wake(); }}));
  prune_at_ = clock_.MonotonicNow();
  thread_ = base::Thread("store-writer", [this](std::stop_token stop) { Run(stop); });
  return absl::OkStatus();
}

void StoreWriter::Stop() {
  if (!thread_.joinable()) return;
  thread_.StopAndJoin();
  subscription_.reset();
}

absl::Status StoreWriter::health() const {
  base::MutexLock lock(mu_);
  return health_;
}

StoreWriterStatistics StoreWriter::statistics() const {
  base::MutexLock lock(mu_);
  return statistics_;
}

void StoreWriter::Wake() {
  base::MutexLock lock(mu_);
  has_events_ = true;
  changed_.NotifyAll();
}

void StoreWriter::Wait(const std::stop_token& stop) {
  {
    base::MutexLock lock(mu_);
    has_events_ = false;
  }
  if (!subscription_->Arm()) return;  // there is something to read
  base::Monotonic until = prune_at_;
  if (options_.take_marks) until = std::min(until, clock_.MonotonicNow() + kMarkInterval);
  base::MutexLock lock(mu_);
  while (!has_events_ && !stop.stop_requested() && clock_.MonotonicNow() < until) {
    clock_.WaitUntil(changed_, mu_, until);
  }
}

void StoreWriter::Run(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] { Wake(); });
  const event_bus::DeliveryLimits limits{.max_events = options_.max_batch_events,
                                         .max_bytes = 4 << 20};
  while (!stop.stop_requested()) {
    absl::StatusOr<event_bus::Delivery> delivery = subscription_->Poll(limits);
    if (!delivery.ok()) return SetHealth(delivery.status());
    Tell(*delivery);
    if (!StoreAll(*delivery, stop)) return;
    PruneWhenDue();
    if (!delivery->caught_up) continue;
    if (delivery->event_count > 0) {
      clock_.SleepFor(options_.linger, stop);
    } else {
      Wait(stop);
    }
  }
  Drain();
}

void StoreWriter::Drain() {
  const base::Monotonic deadline = clock_.MonotonicNow() + options_.stop_limit;
  while (clock_.MonotonicNow() < deadline) {
    absl::StatusOr<event_bus::Delivery> delivery =
        subscription_->Poll({.max_events = options_.max_batch_events, .max_bytes = 4 << 20});
    if (!delivery.ok()) return;
    Tell(*delivery);
    if (!Store(*delivery).ok() || delivery->caught_up) return;
  }
}

bool StoreWriter::StoreAll(const event_bus::Delivery& delivery, std::stop_token stop) {
  absl::Duration backoff = options_.min_backoff;
  bool is_last = false;
  while (true) {
    const absl::Status stored = Store(delivery);
    SetHealth(stored.ok() ? pruned_ : stored);
    if (stored.ok()) return true;
    {
      base::MutexLock lock(mu_);
      ++statistics_.failed_writes;
    }
    if (is_last) return false;
    is_last = !clock_.SleepFor(backoff, stop);
    backoff = std::min(backoff * 2, options_.max_backoff);
  }
}

absl::Status StoreWriter::Store(const event_bus::Delivery& delivery) {
  std::vector<std::shared_ptr<const event::EventList>> parsed;
  std::vector<storage::EventToStore> events;
  events.reserve(delivery.event_count);
  uint64_t refused = 0;
  for (const event_bus::BatchSpan& span : delivery.spans) {
    parsed.push_back(span.batch->parsed());
    for (uint32_t i = span.first; i < span.first + span.count; ++i) {
      const v1::CollectionEvent& event = (*parsed.back())[i];
      if (!HasIdentity(event)) {
        ++refused;
        continue;
      }
      events.push_back({.sequence = span.batch->first_sequence() + i,
                        .event = &event,
                        .bytes = span.batch->event_bytes(i)});
    }
  }
  std::vector<storage::LogMark> marks;
  if (options_.take_marks) marks = options_.take_marks(delivery.position);
  storage::AppendResult result;
  if (!events.empty() || !marks.empty()) {
    const base::Monotonic begin = clock_.MonotonicNow();
    ASSIGN_OR_RETURN(result,
                     store_.events().Append(
                         {.log_stream_id = bus_.stream_id(), .events = events, .marks = marks}));
    if (options_.observe_write) {
      options_.observe_write(base::Elapsed(begin, clock_.MonotonicNow()));
    }
  }
  base::MutexLock lock(mu_);
  statistics_.stored += result.inserted;
  statistics_.duplicates += events.size() - result.inserted;
  statistics_.refused += refused;
  statistics_.position = delivery.position;
  return absl::OkStatus();
}

void StoreWriter::Tell(const event_bus::Delivery& delivery) {
  if (!delivery.missed.has_value()) return;
  const event_bus::MissedRange& missed = *delivery.missed;
  {
    base::MutexLock lock(mu_);
    statistics_.missed += missed.last_sequence - missed.first_sequence + 1;
  }
  if (options_.on_missed) options_.on_missed(missed);
}

void StoreWriter::SetHealth(const absl::Status& status) {
  {
    base::MutexLock lock(mu_);
    if (health_.code() == status.code()) return;
    health_ = status;
  }
  if (options_.on_health) options_.on_health(status);
}

void StoreWriter::PruneWhenDue() {
  if (clock_.MonotonicNow() < prune_at_) return;
  // One step a turn while there is more, so that writing goes on in between.
  absl::StatusOr<storage::PruneResult> pruned =
      store_.events().Prune(options_.retention, clock_.Now(), kPruneStep);
  pruned_ = pruned.status();
  SetHealth(pruned_);
  const uint64_t count = pruned.ok() ? pruned->expired + pruned->evicted : 0;
  if (count < kPruneStep) prune_at_ = clock_.MonotonicNow() + options_.prune_interval;
  const storage::RetentionPolicy& keep = options_.retention;
  // Alerts go with the events they rest on; what failed shows in the store's health.
  const absl::Time now = clock_.Now();
  store_.alerts().PruneAlerts(now - keep.max_age, keep.max_alerts, kPruneStep).IgnoreError();
  store_.executions().Prune(now - keep.max_age, keep.max_executions, kPruneStep).IgnoreError();
  store_.audit().Prune(now - keep.max_audit_age, keep.max_audit_rows, kPruneStep).IgnoreError();
  base::MutexLock lock(mu_);
  statistics_.pruned += count;
}

}  // namespace daemoneye::monitor
