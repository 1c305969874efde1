// EventRing: the log itself: the newest batches, bounded by bytes and by events.
//
// Batches have ids 0, 1, 2, ... so that a cursor that holds the id of its batch finds the next one
// without a search.
//
// Threads:    none of its own; the bus's ring mutex guards it.
// Cost:       an append is a push and as many pops as the bound asks for; what falls out is handed
//             to the caller, to be freed without the mutex.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "absl/container/inlined_vector.h"
#include "libs/event_bus/event_batch.h"
#include "libs/event_bus/event_classes.h"

namespace daemoneye::event_bus {

struct EventRingOptions {
  // Of batches with all that belongs to them but the parsed form.
  size_t max_bytes = 16 << 20;
  // 0: bytes alone decide.
  size_t max_events = 0;
  // Serialised bytes of the newest batches that keep their parsed form, while somebody reads it.
  size_t young_bytes = 512 << 10;
};

class EventRing {
 public:
  using BatchPtr = std::shared_ptr<const EventBatch>;
  // What an append made dead.
  struct Remains {
    absl::InlinedVector<BatchPtr, 4> batches;
    absl::InlinedVector<std::shared_ptr<const event::EventList>, 4> parsed;
  };

  // Batches without anybody asking for a parsed form, after which none is kept.
  static constexpr uint64_t kUnaskedBatches = 256;

  explicit EventRing(const EventRingOptions& options) : options_(options) {}

  // What the ring's batches are to be made with.
  const std::shared_ptr<ParsedForms>& forms() const { return forms_; }

  // Appends a batch that begins at next_sequence(). The newest batch stays, however large.
  void Append(BatchPtr batch, Remains& remains);

  uint64_t oldest_sequence() const;
  uint64_t next_sequence() const { return next_sequence_; }
  size_t bytes() const { return bytes_; }
  size_t events() const { return next_sequence_ - oldest_sequence(); }

  uint64_t first_batch_id() const { return first_batch_id_; }
  uint64_t end_batch_id() const { return first_batch_id_ + batches_.size(); }
  const BatchPtr& batch(uint64_t id) const { return batches_[id - first_batch_id_]; }
  // Id of the batch that holds `sequence`, oldest_sequence() ≤ sequence ≤ next_sequence().
  uint64_t FindBatch(uint64_t sequence) const;

  // Events that fell out, and events before `sequence` (oldest_sequence() ≤ sequence), by class.
  // The latter walks the events on the shorter side of `sequence`: none for the next to come.
  const ClassCounts& evicted() const { return evicted_; }
  ClassCounts CountBefore(uint64_t sequence) const;

 private:
  void EvictOldest(Remains& remains);
  void ReleaseParsed(Remains& remains);

  const EventRingOptions options_;
  const std::shared_ptr<ParsedForms> forms_ = std::make_shared<ParsedForms>();
  std::deque<BatchPtr> batches_;
  uint64_t first_batch_id_ = 0;
  uint64_t young_batch_id_ = 0;  // the oldest that keeps its parsed form
  uint64_t times_asked_ = 0;     // of forms_, when last looked at
  uint64_t asked_until_batch_id_ = 0;
  uint64_t next_sequence_ = 1;
  size_t bytes_ = 0;
  size_t young_bytes_ = 0;
  ClassCounts appended_{};
  ClassCounts evicted_{};
};

}  // namespace daemoneye::event_bus
