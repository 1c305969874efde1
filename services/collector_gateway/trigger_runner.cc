#include "services/collector_gateway/trigger_runner.h"

#include <algorithm>
#include <stop_token>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "libs/base/status_macros.h"
#include "libs/event/event.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using base::operator+;
using event_bus::BatchSpan;

constexpr event_bus::DeliveryLimits kLimits = {.max_events = 1024, .max_bytes = 1 << 20};
constexpr absl::Duration kMissedLogInterval = absl::Minutes(1);

v1::EventFilter EveryEvent() {
  v1::EventFilter filter;
  filter.add_topics("events.#");
  filter.add_topics("events.process.sample");  // only sent where it is named
  filter.set_own(true);
  return filter;
}

}  // namespace

TriggerRunner::TriggerRunner(event_bus::EventBus& bus, trigger::TriggerEngine& engine,
                             base::Clock& clock, TriggerRunnerOptions options)
    : bus_(bus),
      engine_(engine),
      clock_(clock),
      options_(options),
      missed_log_(kMissedLogInterval, clock) {}

absl::Status TriggerRunner::Start() {
  event_bus::SubscribeOptions options;
  options.filter = EveryEvent();
  options.client_id = "triggers";
  options.on_ready = [this] {
    MutexLock lock(mu_);
    has_events_ = true;
    changed_.NotifyOne();
  };
  ASSIGN_OR_RETURN(subscription_, bus_.Subscribe(std::move(options)));
  thread_ = base::Thread("triggers", [this](const std::stop_token& stop) { Run(stop); });
  return absl::OkStatus();
}

void TriggerRunner::Stop() {
  thread_.StopAndJoin();
  subscription_.reset();
}

void TriggerRunner::ShowState() {
  MutexLock lock(mu_);
  has_state_ = true;
  changed_.NotifyOne();
}

void TriggerRunner::Wake() {
  MutexLock lock(mu_);
  changed_.NotifyOne();
}

void TriggerRunner::Run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { Wake(); });
  base::Monotonic next_tick = clock_.MonotonicNow() + options_.tick;
  while (!stop.stop_requested()) {
    bool has_state;
    {
      MutexLock lock(mu_);
      has_state = std::exchange(has_state_, false);
    }
    if (has_state) ProcessState({});
    Drain(stop, next_tick);
    if (clock_.MonotonicNow() >= next_tick) {
      engine_.Tick();
      next_tick = clock_.MonotonicNow() + options_.tick;
    }
    Wait(stop, next_tick);
  }
  DrainBefore(clock_.MonotonicNow() + options_.drain_time);
}

void TriggerRunner::DrainBefore(base::Monotonic deadline) {
  bool has_more = true;
  while (has_more && clock_.MonotonicNow() < deadline) {
    std::vector<ParsedSpan> spans;
    size_t events = 0;
    has_more = Poll(&spans, events);
    Process(std::move(spans));
  }
  // What there was no time for.
  size_t unread = 0;
  while (has_more) has_more = Poll(nullptr, unread);
  if (unread != 0 && engine_.needs_events()) engine_.CountMissed(unread);
}

void TriggerRunner::Wait(const std::stop_token& stop, base::Monotonic until) {
  {
    MutexLock lock(mu_);
    has_events_ = false;
  }
  if (!subscription_->Arm()) return;  // there is something to read
  MutexLock lock(mu_);
  while (!has_events_ && !has_state_ && !stop.stop_requested()) {
    if (!clock_.WaitUntil(changed_, mu_, until) && clock_.MonotonicNow() >= until) return;
  }
}

void TriggerRunner::Drain(const std::stop_token& stop, base::Monotonic next_tick) {
  bool has_lingered = false;
  while (!stop.stop_requested() && clock_.MonotonicNow() < next_tick) {
    std::vector<ParsedSpan> spans;
    size_t events = 0;
    bool has_more = Poll(&spans, events);
    if (events == 0 && !has_more) return;
    if (!has_more && events < options_.worth_a_batch && !has_lingered) {
      has_lingered = true;
      if (!clock_.SleepFor(options_.linger, stop)) return Process(std::move(spans));
      has_more = Poll(&spans, events);
    }
    Process(std::move(spans));
    if (!has_more) return;
  }
}

bool TriggerRunner::Poll(std::vector<ParsedSpan>* spans, size_t& events) {
  const absl::StatusOr<event_bus::Delivery> delivery = subscription_->Poll(kLimits);
  if (!delivery.ok()) return false;  // cannot be: the oldest are dropped
  if (delivery->missed.has_value() && engine_.needs_events()) {
    const event_bus::MissedRange& missed = *delivery->missed;
    const uint64_t count = missed.count.value_or(missed.last_sequence - missed.first_sequence + 1);
    engine_.CountMissed(count);
    missed_log_.Log(logging::Level::kWarning, "triggers did not see all events",
                    {{"missed", count}, {"first_sequence", missed.first_sequence}});
  }
  events += delivery->event_count;
  if (spans == nullptr) return !delivery->caught_up;
  for (const BatchSpan& span : delivery->spans) spans->push_back({span, nullptr});
  return !delivery->caught_up;
}

bool TriggerRunner::HasNewPublisher(const std::vector<ParsedSpan>& spans) const {
  const std::string* last = nullptr;
  for (const ParsedSpan& span : spans) {
    for (uint32_t i = 0; i < span.size(); ++i) {
      const std::string& id = span.event(i).origin().stream_id();
      if (last != nullptr && id == *last) continue;
      const auto shown = shown_publishers_.find(id);
      if (shown == shown_publishers_.end()) return true;
      last = &*shown;
    }
  }
  return false;
}

void TriggerRunner::Process(std::vector<ParsedSpan> spans) {
  if (!engine_.needs_events()) return;
  for (ParsedSpan& span : spans) span.Parse();
  if (HasNewPublisher(spans)) return ProcessState(std::move(spans));
  Show(spans);
}

void TriggerRunner::Show(const std::vector<ParsedSpan>& spans) {
  std::vector<const v1::CollectionEvent*> events;
  for (const ParsedSpan& span : spans) {
    for (uint32_t i = 0; i < span.size(); ++i) events.push_back(&span.event(i));
  }
  if (!events.empty()) engine_.Process(events);
}

void TriggerRunner::ProcessState(std::vector<ParsedSpan> spans) {
  const absl::StatusOr<event_bus::StateSnapshot> snapshot = bus_.Snapshot(EveryEvent());
  if (snapshot.ok()) {
    // The state is as of a position: what the log tells up to there is in it already.
    size_t events = 0;
    while (subscription_->next_sequence() <= snapshot->as_of_sequence && Poll(&spans, events)) {
    }
    if (!engine_.needs_events()) return PassBy(*snapshot);
    for (ParsedSpan& span : spans) span.Parse();
    ShowNew(*snapshot, spans);
  }
  Show(spans);
}

void TriggerRunner::PassBy(const event_bus::StateSnapshot& snapshot) {
  std::set<std::string> publishers;
  for (const std::string& bytes : snapshot.events) {
    v1::CollectionEvent event;
    if (event.ParseFromString(bytes)) publishers.insert(event.origin().stream_id());
  }
  Remember(std::move(publishers));
}

void TriggerRunner::Remember(std::set<std::string> publishers) {
  if (shown_publishers_.size() + publishers.size() > options_.max_publishers) {
    shown_publishers_.clear();
  }
  shown_publishers_.merge(publishers);
}

void TriggerRunner::ShowNew(const event_bus::StateSnapshot& snapshot,
                            const std::vector<ParsedSpan>& spans) {
  absl::flat_hash_set<std::pair<std::string, std::string>> told;
  std::set<std::string> publishers;
  for (const ParsedSpan& span : spans) {
    for (uint32_t i = 0; i < span.size(); ++i) {
      const v1::CollectionEvent& event = span.event(i);
      publishers.insert(event.origin().stream_id());
      told.emplace(event.origin().host(), event::SubjectOf(event));
    }
  }
  event::EventList state;
  std::set<std::string> streams = publishers;
  std::set<std::pair<std::string, std::string>> begun;  // host and monitor
  for (const std::string& bytes : snapshot.events) {
    v1::CollectionEvent event;
    if (!event.ParseFromString(bytes)) continue;
    streams.insert(event.origin().stream_id());
    if (shown_publishers_.contains(event.origin().stream_id())) continue;
    publishers.insert(event.origin().stream_id());
    begun.emplace(event.origin().host(), event.origin().monitor());
    const std::pair subject(event.origin().host(), std::string(event::SubjectOf(event)));
    if (!told.contains(subject)) state.push_back(std::move(event));
  }
  Remember(std::move(publishers));
  std::vector<const v1::CollectionEvent*> pointers;
  pointers.reserve(state.size());
  for (const v1::CollectionEvent& event : state) pointers.push_back(&event);
  if (!pointers.empty()) engine_.Process(pointers);
  // What a monitor that began again does not tell of ended while it was away.
  for (const auto& [host, monitor] : begun) engine_.ForgetUntold(host, monitor, streams);
}

}  // namespace daemoneye::gateway
