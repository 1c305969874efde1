#include "libs/collector/intake.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <span>
#include <utility>

#include "fmt/format.h"

namespace daemoneye::collector {
namespace {

using base::operator+;

// What a run of events adds to an account.
struct Tally {
  CountByKind by_kind = {};
  uint64_t positions = 0;
  uint64_t snapshots = 0;
};

size_t KindIndex(const event::Event& event) {
  const auto kind = static_cast<size_t>(event::KindOf(event));
  return kind < CountByKind().size() ? kind : 0;
}

Tally Count(std::span<const event::Event> events) {
  Tally tally;
  for (const event::Event& event : events) {
    if (IsSnapshot(event)) {
      ++tally.snapshots;
    } else {
      ++tally.by_kind[KindIndex(event)];
      ++tally.positions;
    }
  }
  return tally;
}

void Add(const CountByKind& from, CountByKind& to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

// Counts what `batch` has, before publishing moves it away.
void Count(Intake::Batch& batch) {
  const Tally tally = Count(batch.events);
  batch.event_count = batch.events.size();
  batch.notice_count = batch.notices.size();
  batch.by_kind = tally.by_kind;
  batch.position_count = tally.positions;
}

}  // namespace

bool IsSnapshot(const event::Event& event) {
  if (event.has_process()) return event.process().action() == v1::PROCESS_ACTION_SNAPSHOT;
  return event.has_network() && event.network().action() == v1::NETWORK_ACTION_SNAPSHOT;
}

Intake::Intake(const CollectorConfig& config, base::Clock& clock)
    : config_(config),
      threshold_(config.effective_backpressure_threshold()),
      clock_(clock),
      losses_(config.component_name) {}

size_t Intake::AddSource(std::string name) {
  base::MutexLock lock(mu_);
  sources_.emplace_back().counts.name = std::move(name);
  return sources_.size() - 1;
}

void Intake::Open(size_t source) {
  base::MutexLock lock(mu_);
  sources_[source].is_open = !is_closed_;
}

void Intake::Shut(size_t source) {
  base::MutexLock lock(mu_);
  sources_[source].is_open = false;
  room_.NotifyAll();
}

size_t Intake::RoomLocked(const Source& source) const {
  if (!source.is_open || queued_ >= threshold_ || source.queued >= config_.max_events_in_flight) {
    return 0;
  }
  return std::min(config_.event_buffer_size - queued_,
                  config_.max_events_in_flight - source.queued);
}

bool Intake::AwaitRoomLocked(const Source& source, base::Monotonic deadline) {
  ++producers_waiting_;
  while (source.is_open && RoomLocked(source) == 0 && clock_.MonotonicNow() < deadline) {
    clock_.WaitUntil(room_, mu_, deadline);
  }
  if (--producers_waiting_ == 0) left_.NotifyAll();
  return RoomLocked(source) > 0;
}

absl::Status Intake::Emit(size_t number, event::EventList events, Publish publish) {
  const Tally tally = Count(events);
  base::MutexLock lock(mu_);
  Source& source = sources_[number];
  Add(tally.by_kind, source.counts.observed_by_kind);
  source.counts.observed += tally.positions;
  source.counts.snapshots += tally.snapshots;
  source.counts.last_event_time = NowLocked();
  statistics_.observed += tally.positions;
  statistics_.pending += tally.positions;
  statistics_.snapshots += tally.snapshots;

  size_t next = 0;
  while (next < events.size()) {
    const size_t room = RoomLocked(source);
    if (room >= events.size() && next == 0) {
      PushLocked(number, std::move(events), publish);
      return absl::OkStatus();
    }
    if (room > 0) {
      const auto from = std::make_move_iterator(events.begin() + next);
      const size_t count = std::min(room, events.size() - next);
      PushLocked(number, event::EventList(from, from + count), Publish::kByPump);
      next += count;
      continue;
    }
    if (!source.is_open) return ShedLocked(source, events, next);
    ++statistics_.backpressure_waits;
    ++emits_waiting_;
    const bool has_room =
        AwaitRoomLocked(source, clock_.MonotonicNow() + config_.max_backpressure_wait);
    --emits_waiting_;
    if (!has_room) return ShedLocked(source, events, next);
  }
  return absl::OkStatus();
}

void Intake::PushLocked(size_t number, event::EventList events, Publish publish) {
  const size_t count = events.size();
  queue_.push_back({.events = std::move(events), .next = 0, .source = number});
  queued_ += count;
  sources_[number].queued += count;
  pushed_ += count;
  if (publish == Publish::kByPump) work_.NotifyOne();
}

absl::Status Intake::ShedLocked(Source& source, const event::EventList& events, size_t next) {
  const Tally tally = Count(std::span(events).subspan(next));
  const bool is_open = source.is_open;
  const std::string_view name = source.counts.name;
  const absl::Time now = NowLocked();
  statistics_.pending -= tally.positions;
  if (tally.positions > 0) {
    losses_.Record({.stage = "intake",
                    .reason = is_open ? "backpressure" : "stopped",
                    .source = name,
                    .count = tally.positions},
                   now);
  }
  if (tally.snapshots > 0) {
    statistics_.snapshots_dropped += tally.snapshots;
    losses_.Record({.stage = "intake",
                    .reason = "snapshot",
                    .source = name,
                    .count = tally.snapshots,
                    .is_counted = false},
                   now);
  }
  work_.NotifyOne();
  const size_t shed = events.size() - next;
  if (!is_open) {
    return absl::FailedPreconditionError(
        fmt::format("source is not started: source={} shed={}", name, shed));
  }
  return absl::ResourceExhaustedError(
      fmt::format("intake is full: source={} shed={} waited={}", name, shed,
                  absl::FormatDuration(config_.max_backpressure_wait)));
}

bool Intake::AwaitRoom(size_t number, base::Monotonic deadline) {
  base::MutexLock lock(mu_);
  const Source& source = sources_[number];
  return RoomLocked(source) > 0 || (source.is_open && AwaitRoomLocked(source, deadline));
}

void Intake::ReportLoss(size_t number, std::string_view stage, std::string_view reason,
                        std::optional<uint64_t> count) {
  if (count == 0u) return;
  base::MutexLock lock(mu_);
  Source& source = sources_[number];
  source.counts.observed += count.value_or(0);
  statistics_.observed += count.value_or(0);
  losses_.Record({.stage = stage, .reason = reason, .source = source.counts.name, .count = count},
                 NowLocked());
  work_.NotifyOne();
}

void Intake::CountFiltered(size_t number, uint64_t count) {
  base::MutexLock lock(mu_);
  sources_[number].counts.observed += count;
  statistics_.observed += count;
  statistics_.filtered += count;
}

std::optional<Intake::Batch> Intake::Take() {
  Batch batch;
  {
    base::MutexLock lock(mu_);
    AwaitWorkLocked();
    is_publishing_ = true;  // from here on nobody else takes
    batch.notices = losses_.TakeDue(clock_.MonotonicNow(), clock_.Now(), is_closed_);
    GatherLocked(batch);
    if (batch.notices.empty() && batch.events.empty()) return std::nullopt;  // closed
  }
  Count(batch);
  return batch;
}

std::optional<Intake::Batch> Intake::TryTake() {
  Batch batch;
  {
    base::MutexLock lock(mu_);
    if (is_publishing_ || is_closed_ || queue_.empty()) return std::nullopt;
    is_publishing_ = true;
    if (losses_.next_due().has_value()) {
      batch.notices = losses_.TakeDue(clock_.MonotonicNow(), clock_.Now(), /*flush=*/false);
    }
    FillLocked(batch);
  }
  Count(batch);
  return batch;
}

void Intake::PublishReady() {
  while (std::optional<Batch> batch = TryTake()) publisher_(*batch);
}

void Intake::AwaitWorkLocked() {
  while (is_publishing_ || (queue_.empty() && !is_closed_)) {
    const std::optional<base::Monotonic> due = losses_.next_due();
    if (is_publishing_ || !due.has_value()) {
      work_.Wait(mu_);
      continue;
    }
    if (clock_.MonotonicNow() >= *due) return;
    clock_.WaitUntil(work_, mu_, *due);
  }
}

void Intake::FillLocked(Batch& batch) {
  while (!queue_.empty() && batch.events.size() < config_.max_batch_size) TakeFrontLocked(batch);
}

void Intake::GatherLocked(Batch& batch) {
  std::optional<base::Monotonic> deadline;
  while (true) {
    FillLocked(batch);
    if (batch.events.empty() || batch.events.size() >= config_.max_batch_size) return;
    if (emits_waiting_ == 0 || is_closed_) return;
    // A producer is still handing over: its next piece is on its way.
    const base::Monotonic now = clock_.MonotonicNow();
    if (!deadline.has_value()) deadline = now + config_.batch_timeout;
    if (now >= *deadline) return;
    clock_.WaitUntil(work_, mu_, *deadline);
  }
}

void Intake::TakeFrontLocked(Batch& batch) {
  Piece& front = queue_.front();
  const size_t count = std::min(front.remaining(), config_.max_batch_size - batch.events.size());
  queued_ -= count;
  sources_[front.source].queued -= count;
  if (batch.events.empty() && count == front.events.size()) {
    batch.events = std::move(front.events);
    queue_.pop_front();
  } else {
    const auto from = std::make_move_iterator(front.events.begin() + front.next);
    batch.events.insert(batch.events.end(), from, from + count);
    front.next += count;
    if (front.remaining() == 0) queue_.pop_front();
  }
  if (producers_waiting_ > 0 && queued_ < threshold_) room_.NotifyAll();
}

void Intake::OnPublished(const Batch& batch, uint64_t positions) {
  base::MutexLock lock(mu_);
  is_publishing_ = false;
  // The pump goes on with what came meanwhile, and has losses to wait for.
  if (!queue_.empty() || is_closed_ || losses_.next_due().has_value()) work_.NotifyOne();
  statistics_.pending -= batch.position_count;
  statistics_.published += positions;
  statistics_.notices += batch.notice_count;
  statistics_.batches += batch.event_count > 0 ? 1 : 0;
  Add(batch.by_kind, statistics_.published_by_kind);
  if (positions < batch.position_count) {
    losses_.Record({.stage = "bus",
                    .reason = "rejected",
                    .source = "",
                    .count = batch.position_count - positions},
                   clock_.Now());
  }
  done_ += batch.event_count;
  if (published_waiting_ > 0) published_.NotifyAll();
}

bool Intake::AwaitPublished(base::Monotonic deadline) {
  base::MutexLock lock(mu_);
  const uint64_t wanted = pushed_;
  ++published_waiting_;
  while (done_ < wanted && clock_.MonotonicNow() < deadline) {
    clock_.WaitUntil(published_, mu_, deadline);
  }
  --published_waiting_;
  return done_ >= wanted;
}

void Intake::Close() {
  base::MutexLock lock(mu_);
  if (!is_closed_) closed_at_ = clock_.Now();
  is_closed_ = true;
  for (Source& source : sources_) source.is_open = false;
  room_.NotifyAll();
  work_.NotifyAll();
  while (producers_waiting_ > 0) left_.Wait(mu_);
}

CollectorStatistics Intake::Statistics() const {
  base::MutexLock lock(mu_);
  CollectorStatistics statistics = statistics_;
  statistics.dropped = losses_.drops();
  statistics.queue_length = queued_;
  statistics.queue_capacity = config_.event_buffer_size;
  for (const Source& source : sources_) statistics.sources.push_back(source.counts);
  return statistics;
}

SourceCounts Intake::Counts(size_t source) const {
  base::MutexLock lock(mu_);
  return sources_[source].counts;
}

}  // namespace daemoneye::collector
