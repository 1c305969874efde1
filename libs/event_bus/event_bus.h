// EventBus: one bounded log of events, and any number of cursors over it.
//
// Publishing never waits for a reader. A subscriber is a cursor and a filter; one that falls out of
// the ring is told exactly what it missed. Fan-out, replay, resume and loss accounting are all this
// one mechanism. The bus also keeps the current state (the last word on each living process or
// connection), so that a snapshot and the log fit together: a snapshot as of N is followed by N
// + 1.
//
// Threads:    all methods from any thread. A Subscription is used by one thread at a time, but for
// Wake-ups (on_ready). Ownership:  the bus outlives its subscriptions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemoneye/v1/filter.pb.h"
#include "libs/base/clock.h"
#include "libs/event/event.h"
#include "libs/event_bus/event_batch.h"

namespace daemoneye::event_bus {

enum class Overflow { kDropOldest, kDisconnect };

struct SubscribeOptions {
  v1::EventFilter filter;
  // First position wanted. Absent: the next to be published. Older than the oldest held: the first
  // delivery reports the difference as missed. Beyond the next: InvalidArgument.
  std::optional<uint64_t> from_sequence;
  Overflow overflow = Overflow::kDropOldest;
  // For accounting, ≤ 128 bytes.
  std::string client_id;
  // Called once after each Arm() that returned true, when there is something to read. On the
  // publisher's thread with no lock held: it must be quick and must not call the bus.
  std::function<void()> on_ready;
};

// Positions that a subscriber lost.
struct MissedRange {
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
  // Events among them that are not left out by default or by kind and action; absent when no longer
  // known.
  std::optional<uint64_t> count;
};

struct DeliveryLimits {
  size_t max_events = 256;
  // Of frames; at least one event is always delivered.
  size_t max_bytes = 1 << 20;
};

// What a cursor moved over. `missed` comes before the spans.
struct Delivery {
  std::optional<MissedRange> missed;
  // Events that pass the filter, in order.
  std::vector<BatchSpan> spans;
  size_t event_count = 0;
  size_t byte_count = 0;
  // Last position looked at, whether or not it passed the filter.
  uint64_t position = 0;
  // True when nothing more can be read now.
  bool caught_up = false;
};

struct SubscriberStatistics {
  std::string client_id;
  uint64_t first_sequence = 0;
  // published since first_sequence = delivered + filtered + dropped + queued.
  uint64_t delivered = 0;
  uint64_t filtered = 0;
  uint64_t dropped = 0;
  uint64_t queued = 0;
  // Events that a filter's SQL could not decide within its budget; they are counted as filtered,
  // too.
  uint64_t filter_errors = 0;
};

struct BusStatistics {
  std::string stream_id;
  // Positions of the log so far: next_sequence - 1.
  uint64_t published = 0;
  uint64_t oldest_sequence = 1;  // next_sequence when nothing is held
  uint64_t next_sequence = 1;
  size_t ring_bytes = 0;
  size_t ring_capacity_bytes = 0;
  size_t ring_events = 0;
  // Living subjects, and those forgotten because the bound was hit.
  size_t state_entries = 0;
  size_t state_bytes = 0;
  uint64_t state_evicted = 0;
  std::vector<SubscriberStatistics> subscribers;
};

// The current state at a position.
struct StateSnapshot {
  uint64_t as_of_sequence = 0;
  // Serialised SNAPSHOT events, unframed, in no particular order.
  std::vector<std::string> events;
};

// A subject that is no more: its last word, null where none was known, and its end; serialised.
struct EndedSubject {
  std::shared_ptr<const std::string> last_word;
  std::shared_ptr<const std::string> end;
};

class Subscription {
 public:
  virtual ~Subscription() = default;

  // What can be read now, possibly nothing. Never blocks. ResourceExhausted: fell out of the ring
  // under kDisconnect.
  virtual absl::StatusOr<Delivery> Poll(const DeliveryLimits& limits) = 0;

  // As Poll, but waits for at least one event or notice until `deadline`.
  virtual absl::StatusOr<Delivery> Next(const DeliveryLimits& limits, base::Monotonic deadline) = 0;

  // Asks for one on_ready call. False, and no call, when there is something to read already.
  virtual bool Arm() = 0;

  // The same when `positions` of the log or more can be read, or a notice. Takes the place of what
  // was asked for before; an implementation may never call.
  virtual bool ArmFor(uint64_t /*positions*/) { return true; }

  // Position of the next event to look at.
  virtual uint64_t next_sequence() const = 0;

  virtual SubscriberStatistics statistics() const = 0;
};

class EventBus {
 public:
  virtual ~EventBus() = default;

  // UUID text of this log.
  virtual const std::string& stream_id() const = 0;

  // Appends events: gives each its sequence, an origin where it has none, a correlation id where it
  // has none, and serialises it. A SNAPSHOT event becomes state, not a position of the log. Returns
  // the positions appended.
  virtual size_t Publish(event::EventList events) = 0;

  // Appends events that are already serialised: stamps the sequence in place.
  virtual size_t PublishFramed(FramedEvents events) = 0;

  // ResourceExhausted: max_subscribers. InvalidArgument: the filter, naming the field.
  virtual absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(SubscribeOptions options) = 0;

  // The living subjects that pass `filter`, which may select by everything but SAMPLE and sequence.
  virtual absl::StatusOr<StateSnapshot> Snapshot(const v1::EventFilter& filter) const = 0;

  // What ended lately, in that order, where the bus keeps it.
  virtual std::vector<EndedSubject> Ended() const { return {}; }

  // Forgets the state whose origin is `stream_id`: that publisher restarted or left.
  virtual void DropState(const std::string& stream_id) = 0;

  virtual BusStatistics statistics() const = 0;
};

}  // namespace daemoneye::event_bus
