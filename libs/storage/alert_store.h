// AlertStore: alerts and, for each sink, what it has yet to be given: the durable outbox.
//
// An alert and its deliveries are stored in one transaction, before anything is sent: a crash can
// repeat a delivery, never lose one.
//
// Threads: all methods from any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/alert.pb.h"
#include "daemoneye/v1/alert_service.pb.h"

namespace daemoneye::storage {

// An alert that a sink has yet to be given.
struct Delivery {
  std::string sink;
  v1::Alert alert;
  // Made so far.
  uint32_t attempts = 0;
  // Not before.
  absl::Time next_attempt;
  // When the alert was stored: what a dead letter's age counts from.
  absl::Time created;
  std::string last_error;
};

// Which dead letters. An empty field does not restrict.
struct DeadLetterFilter {
  std::string sink;
  std::string alert_id;
};

// Where a page of dead letters begins: behind this sink's letter of this alert.
struct DeadLetterPosition {
  std::string sink;
  uint64_t sequence = 0;
};

struct OutboxStatistics {
  uint64_t pending = 0;
  uint64_t dead = 0;
  // When the oldest pending one was stored.
  std::optional<absl::Time> oldest_pending;
};

// An alert on its way into the store, and the sinks that are to be given it.
struct AlertToStore {
  // Outlives the call.
  v1::Alert* alert = nullptr;
  std::vector<std::string> sinks;
};

// Sequences that are kept; newest is also told when pruning left none, and 0 before the first.
struct AlertRange {
  uint64_t oldest = 1;
  uint64_t newest = 0;
};

class AlertStore {
 public:
  virtual ~AlertStore() = default;

  // Stores `alert` with the next sequence, which is set in it and returned, and a pending delivery
  // for each of `sinks`, due at once. AlreadyExists: its id is known. ResourceExhausted: the disk
  // is full.
  virtual absl::StatusOr<uint64_t> Append(v1::Alert& alert, std::span<const std::string> sinks,
                                          absl::Time now) = 0;

  // Append of each, in order, as one transaction where the store has such. An alert whose id is
  // known keeps sequence 0 and stops none of the others. After an error, what has a sequence is
  // stored and passed over when it comes again.
  virtual absl::Status AppendAll(std::span<const AlertToStore> alerts, absl::Time now);

  // NotFound.
  virtual absl::StatusOr<v1::Alert> Get(std::string_view id) const = 0;
  // Newest first, below `before_sequence` (0: from the newest), at most `max_alerts`.
  virtual absl::StatusOr<std::vector<v1::Alert>> List(const v1::AlertFilter& filter,
                                                      uint64_t before_sequence,
                                                      size_t max_alerts) const = 0;
  // Oldest first, above `after_sequence`.
  virtual absl::StatusOr<std::vector<v1::Alert>> ReadAfter(const v1::AlertFilter& filter,
                                                           uint64_t after_sequence,
                                                           size_t max_alerts) const = 0;
  virtual absl::StatusOr<AlertRange> range() const = 0;

  // Sets the state and who, when and why; the alert as it is now. NotFound.
  virtual absl::StatusOr<v1::Alert> Acknowledge(std::string_view id, std::string_view by,
                                                std::string_view comment, absl::Time now) = 0;

  // The oldest pending deliveries of a sink, in the order of their alerts, due or not.
  virtual absl::StatusOr<std::vector<Delivery>> Pending(std::string_view sink,
                                                        size_t max_deliveries) const = 0;
  // The sink has it.
  virtual absl::Status MarkDelivered(std::string_view sink, uint64_t sequence) = 0;
  // One more attempt failed.
  virtual absl::Status MarkFailed(std::string_view sink, uint64_t sequence, absl::Time next_attempt,
                                  std::string_view error) = 0;
  // One more attempt failed, and it is given up: a dead letter.
  virtual absl::Status MarkDead(std::string_view sink, uint64_t sequence,
                                std::string_view error) = 0;
  // Dead letters by sink and sequence, behind `after`, at most `max_letters`.
  virtual absl::StatusOr<std::vector<Delivery>> DeadLetters(const DeadLetterFilter& filter,
                                                            const DeadLetterPosition& after,
                                                            size_t max_letters) const = 0;
  // Makes the dead letters of a sink pending again, due at once: that of one alert, or all where
  // `alert_id` is empty; how many.
  virtual absl::StatusOr<uint64_t> ReplayDead(std::string_view sink, std::string_view alert_id,
                                              absl::Time now) = 0;
  // Forgets the deliveries of sinks that are not among `sinks` any more; how many.
  virtual absl::StatusOr<uint64_t> DropOtherSinks(std::span<const std::string> sinks) = 0;
  virtual absl::StatusOr<OutboxStatistics> Outbox(std::string_view sink) const = 0;

  // Forgets alerts older than `before`, and the oldest beyond the newest `max_kept`, as far as no
  // sink waits for them; how many, at most `max_alerts` of either.
  virtual absl::StatusOr<uint64_t> PruneAlerts(absl::Time before, uint64_t max_kept,
                                               size_t max_alerts) = 0;
};

}  // namespace daemoneye::storage
