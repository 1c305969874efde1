#include "libs/event_bus/local_event_bus.h"

#include <fmt/format.h>

#include <algorithm>

#include "libs/base/status_macros.h"
#include "libs/event/correlation.h"
#include "libs/event/uuid.h"
#include "libs/event_bus/event_frame.h"
#include "libs/event_bus/event_selector.h"
#include "libs/event_bus/local_subscription.h"
#include "libs/event_bus/state_snapshot.h"

namespace daemoneye::event_bus {
namespace {

// A batch is the unit of eviction and of parsing again, so large ones are cut.
constexpr size_t kMaxBatchEvents = 1024;
constexpr size_t kMaxBatchBytes = 512 << 10;
constexpr size_t kMinBatchBytes = 4 << 10;

LocalEventBusOptions WithStreamId(LocalEventBusOptions options) {
  if (options.stream_id.empty()) options.stream_id = event::NewUuid();
  return options;
}

// True for what never becomes a position of the log.
bool IsNoPosition(const event::Event& event) {
  return event.has_control() || event::IsSnapshot(event);
}

// True when the bus has nothing to add but the sequence.
bool IsComplete(const event::Event& event) {
  return !event.origin().stream_id().empty() && !event.correlation().correlation_id().empty();
}

// The parsed form of events that came without one; what does not parse is left out of both.
std::shared_ptr<event::EventList> Parse(std::vector<std::string_view>& raw) {
  auto events = std::make_shared<event::EventList>();
  std::erase_if(raw, [&events](std::string_view bytes) {
    event::Event event;
    if (!event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return true;
    events->push_back(std::move(event));
    return false;
  });
  return events;
}

}  // namespace

struct LocalEventBus::Aftermath {
  EventRing::Remains remains;
  WakeUps wake_ups;

  // With no lock held.
  void Finish() {
    for (const std::shared_ptr<WakeUp>& wake_up : wake_ups) wake_up->Run();
  }
};

LocalEventBus::LocalEventBus(LocalEventBusOptions options, base::Clock& clock)
    : options_(WithStreamId(std::move(options))),
      max_batch_bytes_(std::clamp(options_.ring_bytes / 8, kMinBatchBytes, kMaxBatchBytes)),
      core_({.max_bytes = options_.ring_bytes,
             .max_events = options_.ring_max_events,
             .young_bytes = options_.young_bytes},
            clock),
      state_(options_.state_bytes, options_.ended_bytes) {
  base::MutexLock lock(core_.mu);
  forms_ = core_.ring.forms();
}

LocalEventBus::~LocalEventBus() = default;

size_t LocalEventBus::Publish(event::EventList events) {
  Aftermath aftermath;
  size_t appended = 0;
  {
    base::MutexLock lock(publish_mu_);
    appended = Enter(events, {}, aftermath);
  }
  aftermath.Finish();
  return appended;
}

size_t LocalEventBus::PublishFramed(FramedEvents events) {
  std::vector<std::string_view> raw;
  const bool is_split = SplitFrames(events.frames, events.offsets, raw);
  if (!is_split) raw.clear();
  if (events.parsed == nullptr || (is_split && events.parsed->size() != raw.size())) {
    events.parsed = Parse(raw);
  }
  bool is_whole = is_split && raw.size() == events.offsets.size() &&
                  raw.size() <= kMaxBatchEvents && events.frames.size() <= max_batch_bytes_;
  for (size_t i = 0; i < raw.size(); ++i) {
    const event::Event& event = (*events.parsed)[i];
    if (!IsSequencePatchable(raw[i]) || !IsComplete(event)) raw[i] = {};
    is_whole = is_whole && !raw[i].empty() && !IsNoPosition(event);
  }
  Aftermath aftermath;
  size_t appended = 0;
  {
    base::MutexLock lock(publish_mu_);
    appended =
        is_whole ? EnterWhole(events, raw, aftermath) : Enter(*events.parsed, raw, aftermath);
  }
  aftermath.Finish();
  return appended;
}

size_t LocalEventBus::EnterWhole(FramedEvents& events, const std::vector<std::string_view>& raw,
                                 Aftermath& aftermath) {
  if (raw.empty()) return 0;
  std::vector<EventTraits> traits;
  traits.reserve(raw.size());
  for (size_t i = 0; i < raw.size(); ++i) {
    event::Event& event = (*events.parsed)[i];
    event.set_sequence(next_sequence_ + i);
    PatchSequence(events.frames.data() + (raw[i].data() - events.frames.data()),
                  next_sequence_ + i);
    state_.Apply(event, raw[i]);
    traits.push_back(TraitsOf(event));
  }
  Append(std::make_shared<EventBatch>(next_sequence_, std::move(events.frames),
                                      std::move(events.offsets), std::move(traits),
                                      std::move(events.parsed), forms_),
         aftermath);
  return raw.size();
}

size_t LocalEventBus::Enter(event::EventList& events, const std::vector<std::string_view>& raw,
                            Aftermath& aftermath) {
  entrants_.clear();
  for (size_t i = 0; i < events.size(); ++i) {
    if (event::IsSnapshot(events[i])) TakeSnapshotEvent(events[i]);
    if (IsNoPosition(events[i])) continue;
    entrants_.push_back({&events[i], raw.empty() ? std::string_view() : raw[i]});
  }
  for (size_t first = 0; first < entrants_.size();) {
    first += EnterBatch(first, events, aftermath);
  }
  return entrants_.size();
}

size_t LocalEventBus::EnterBatch(size_t first, event::EventList& events, Aftermath& aftermath) {
  std::vector<uint32_t> offsets;
  const size_t at_most = std::min(entrants_.size() - first, kMaxBatchEvents);
  offsets.reserve(at_most);
  size_t bytes = 0;
  for (size_t i = 0; i < at_most; ++i) {
    Entrant& entrant = entrants_[first + i];
    Stamp(*entrant.event, next_sequence_ + i);
    entrant.bytes = entrant.raw.empty() ? entrant.event->ByteSizeLong() : entrant.raw.size();
    const size_t frame_bytes = FrameHeadBytes(entrant.bytes) + entrant.bytes;
    if (i > 0 && bytes + frame_bytes > max_batch_bytes_) break;
    offsets.push_back(static_cast<uint32_t>(bytes));
    bytes += frame_bytes;
  }
  const size_t count = offsets.size();
  std::vector<EventTraits> traits;
  traits.reserve(count);
  std::string frames(bytes, '\0');
  char* out = frames.data();
  for (size_t i = 0; i < count; ++i) {
    const Entrant& entrant = entrants_[first + i];
    char* const begin = WriteFrameHead(entrant.bytes, out);
    out = begin + entrant.bytes;
    if (entrant.raw.empty()) {
      entrant.event->SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(begin));
    } else {
      std::copy(entrant.raw.begin(), entrant.raw.end(), begin);
      PatchSequence(begin, next_sequence_ + i);
    }
    state_.Apply(*entrant.event, {begin, entrant.bytes});
    traits.push_back(TraitsOf(*entrant.event));
  }
  auto parsed = std::make_shared<event::EventList>();
  if (count == events.size()) {
    *parsed = std::move(events);
  } else {
    parsed->reserve(count);
    for (size_t i = 0; i < count; ++i) {
      parsed->push_back(std::move(*entrants_[first + i].event));
    }
  }
  Append(std::make_shared<EventBatch>(next_sequence_, std::move(frames), std::move(offsets),
                                      std::move(traits), std::move(parsed), forms_),
         aftermath);
  return count;
}

void LocalEventBus::StampOrigin(event::Event& event, uint64_t sequence) const {
  if (!event.origin().stream_id().empty()) return;
  v1::Origin& origin = *event.mutable_origin();
  origin.set_monitor(options_.monitor);
  origin.set_host(options_.host);
  origin.set_stream_id(options_.stream_id);
  origin.set_sequence(sequence);
}

void LocalEventBus::Stamp(event::Event& event, uint64_t sequence) {
  event.set_sequence(sequence);
  StampOrigin(event, sequence);
  if (!event.correlation().correlation_id().empty()) return;
  scratch_.clear();
  fmt::format_to(std::back_inserter(scratch_), "{}:{}", event.origin().stream_id(),
                 event.origin().sequence());
  event::EnsureCorrelationId(event, scratch_);
}

void LocalEventBus::TakeSnapshotEvent(event::Event& event) {
  event.clear_sequence();
  StampOrigin(event, 0);
  event.mutable_origin()->clear_sequence();
  event::EnsureCorrelationId(event, event.origin().stream_id());
  event.SerializeToString(&scratch_);
  state_.Apply(event, scratch_);
}

void LocalEventBus::Append(std::shared_ptr<const EventBatch> batch, Aftermath& aftermath) {
  ClassMask classes;
  for (size_t i = 0; i < batch->size(); ++i) classes.set(ClassOf(batch->traits(i)));
  next_sequence_ = batch->last_sequence() + 1;
  base::MutexLock lock(core_.mu);
  core_.ring.Append(std::move(batch), aftermath.remains);
  std::erase_if(core_.armed, [&](LocalSubscription* subscription) {
    subscription->AssertLocked();
    if (!subscription->IsDueLocked(classes)) return false;
    aftermath.wake_ups.push_back(subscription->wake_up());
    return true;
  });
  core_.appended.NotifyAll();
}

absl::StatusOr<std::unique_ptr<Subscription>> LocalEventBus::Subscribe(SubscribeOptions options) {
  ASSIGN_OR_RETURN(EventSelector selector, EventSelector::Create(options.filter));
  return LocalSubscription::Create(core_, std::move(selector), std::move(options),
                                   options_.max_subscribers, options_.max_sql_filters);
}

absl::StatusOr<StateSnapshot> LocalEventBus::Snapshot(const v1::EventFilter& filter) const {
  // A snapshot has no positions.
  v1::EventFilter state_filter = filter;
  state_filter.clear_sequence_range();
  ASSIGN_OR_RETURN(EventSelector selector, EventSelector::Create(state_filter));
  StateSnapshot snapshot;
  std::vector<LiveState::Item> items;
  {
    base::MutexLock lock(publish_mu_);
    snapshot.as_of_sequence = next_sequence_ - 1;
    items = state_.Items();
  }
  snapshot.events = RenderSnapshot(items, selector);
  return snapshot;
}

std::vector<EndedSubject> LocalEventBus::Ended() const {
  base::MutexLock lock(publish_mu_);
  return state_.Ended();
}

void LocalEventBus::DropState(const std::string& stream_id) {
  base::MutexLock lock(publish_mu_);
  state_.Drop(stream_id);
}

BusStatistics LocalEventBus::statistics() const {
  BusStatistics statistics;
  statistics.stream_id = options_.stream_id;
  statistics.ring_capacity_bytes = options_.ring_bytes;
  base::MutexLock publish_lock(publish_mu_);
  statistics.state_entries = state_.entries();
  statistics.state_bytes = state_.bytes();
  statistics.state_evicted = state_.evicted();
  base::MutexLock lock(core_.mu);
  statistics.published = core_.ring.next_sequence() - 1;
  statistics.oldest_sequence = core_.ring.oldest_sequence();
  statistics.next_sequence = core_.ring.next_sequence();
  statistics.ring_bytes = core_.ring.bytes();
  statistics.ring_events = core_.ring.events();
  for (const LocalSubscription* subscription : core_.subscriptions) {
    subscription->AssertLocked();
    statistics.subscribers.push_back(subscription->StatisticsLocked());
  }
  return statistics;
}

}  // namespace daemoneye::event_bus
