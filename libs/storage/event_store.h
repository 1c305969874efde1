// EventStore: events kept over a restart, each once, whatever way it came.
//
// An event is its serialised bytes and the few columns that are searched by: a new field of a
// payload needs no migration. Its identity is its origin; its place is its position in the log that
// stored it, so the store answers for positions that a ring no longer holds.
//
// Threads:    all methods from any. Append waits for other writers of the same store.
// Cost:       an Append is one transaction, however many events it has.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"

namespace daemoneye::storage {

// An event on its way into the store, borrowed.
struct EventToStore {
  // Its position in the log that stores it.
  uint64_t sequence = 0;
  // Its origin has a stream_id and a sequence; without an event_time it counts as 1970.
  const v1::CollectionEvent* event = nullptr;
  // The same event, serialised as it is in that log.
  std::string_view bytes;
};

// How far a publisher's log (or that of a gateway below) has been taken over.
struct LogMark {
  std::string stream_id;
  uint64_t sequence = 0;
};

// What Append takes as one transaction.
struct EventBatchToStore {
  // The log that the events are positions of, in order.
  std::string_view log_stream_id;
  std::span<const EventToStore> events;
  // Remembered together with the events: see LastPosition.
  std::span<const LogMark> marks = {};
};

struct AppendResult {
  // Not stored before. The rest were, and are not stored again.
  uint64_t inserted = 0;
};

// Which events to read back. All bounds together.
struct ReadOptions {
  // event_time in [since, until).
  absl::Time since = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
  // Of v1::EventKind; UNSPECIFIED: every kind.
  v1::EventKind kind = v1::EVENT_KIND_UNSPECIFIED;
};

// Reads events in the order in which they were stored, a few at a time: the store may be written to
// and pruned meanwhile.
//
// Threads: compatible.
class EventReader {
 public:
  virtual ~EventReader() = default;
  // The next events, at most `max_events`; empty: that was all there was when the reader was made.
  // DataLoss: the file is broken.
  virtual absl::StatusOr<std::vector<v1::CollectionEvent>> Read(size_t max_events) = 0;
};

// Serialised events of one log, with `sequence` as it is there.
struct LogPage {
  struct Position {
    uint64_t sequence = 0;
    std::string bytes;
  };
  std::vector<Position> positions;
};

// Positions of one log that are held; first > last when there are none.
struct LogRange {
  uint64_t first = 1;
  uint64_t last = 0;
};

struct RetentionPolicy {
  absl::Duration max_age = absl::Hours(24 * 7);
  // SAMPLE events: the bulk of a quiet host, and of little use once they are old.
  absl::Duration max_sample_age = absl::Hours(24);
  // Of the whole file; the oldest events go first.
  uint64_t max_bytes = uint64_t{1} << 30;
  // Alerts go at max_age, and the oldest of more than these.
  uint64_t max_alerts = 100'000;
  // Executions go at max_age, and the oldest of more than these: each may be tens of KiB.
  uint64_t max_executions = 10'000;
  absl::Duration max_audit_age = absl::Hours(24 * 365);
  uint64_t max_audit_rows = 100'000;
};

struct PruneResult {
  uint64_t expired = 0;
  // To get below max_bytes.
  uint64_t evicted = 0;
};

struct EventStoreStatistics {
  uint64_t inserted = 0;
  uint64_t duplicates = 0;
  uint64_t pruned = 0;
  // Of the file, without what is free in it.
  uint64_t bytes = 0;
  // Of the events kept; nullopt when there are none.
  std::optional<absl::Time> oldest;
};

class EventStore {
 public:
  virtual ~EventStore() = default;

  // Stores what it does not have yet, as one transaction. ResourceExhausted: the disk is full,
  // nothing of it was stored, try later. DataLoss: the file is broken. InvalidArgument: an event
  // without an origin or a sequence.
  virtual absl::StatusOr<AppendResult> Append(const EventBatchToStore& batch) = 0;

  // Events by time, for a back-test.
  virtual absl::StatusOr<std::unique_ptr<EventReader>> Read(const ReadOptions& options) const = 0;

  // Events behind `after_sequence` of a log, for a resume: at most `max_events` and, but for the
  // first, `max_bytes`.
  virtual absl::StatusOr<LogPage> ReadLog(std::string_view log_stream_id, uint64_t after_sequence,
                                          size_t max_events, size_t max_bytes) const = 0;
  virtual absl::StatusOr<LogRange> HeldRange(std::string_view log_stream_id) const = 0;

  // The event of an origin. NotFound.
  virtual absl::StatusOr<v1::CollectionEvent> Find(const v1::Origin& origin) const = 0;

  // How far the log `stream_id` of a publisher was taken over: the highest of its marks and of the
  // origins stored; 0 when nothing is known of it.
  virtual absl::StatusOr<uint64_t> LastPosition(std::string_view stream_id) const = 0;

  // Lets go of what the policy does not want, at most `max_events` of them, so that writers do not
  // wait long; call again while it returns something.
  virtual absl::StatusOr<PruneResult> Prune(const RetentionPolicy& policy, absl::Time now,
                                            size_t max_events) = 0;

  virtual EventStoreStatistics statistics() const = 0;
};

}  // namespace daemoneye::storage
