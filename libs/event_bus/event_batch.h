// EventBatch: events that were published together, serialised once, immutable and shared from then
// on.
//
// The bytes are framed as the repeated field 1 of StreamEventBatchesResponse (0x0A, varint length,
// event), so any run of events is a piece of a batch message without copying or encoding, and each
// event alone is a StreamEvents message.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/event/event.h"
#include "libs/event/event_pool.h"

namespace daemoneye::event_bus {

// What filters ask most, kept beside the bytes so that the common filter never parses.
struct EventTraits {
  uint8_t kind = 0;    // v1::EventKind
  uint8_t action = 0;  // event::ActionOf; kUnknownAction stands for every number beyond
  bool is_sample = false;
  bool is_own = false;
};
inline constexpr int kUnknownAction = 31;

EventTraits TraitsOf(const event::Event& event);

// Framed events that somebody else serialised, with their parsed form.
struct FramedEvents {
  std::string frames;
  // Start of each frame in `frames`; each event's bytes begin with field 1, the fixed64 sequence.
  std::vector<uint32_t> offsets;
  // As many as offsets.
  std::shared_ptr<event::EventList> parsed;
};

// What the batches of a log, which may outlive it, share about their parsed forms.
struct ParsedForms {
  // How often one was asked for: they are kept where somebody reads them.
  std::atomic<uint64_t> times_asked = 0;
  // For those that are parsed again.
  event::EventPool pool;
};

class EventBatch {
 public:
  EventBatch(uint64_t first_sequence, std::string frames, std::vector<uint32_t> offsets,
             std::vector<EventTraits> traits, std::shared_ptr<const event::EventList> parsed,
             std::shared_ptr<ParsedForms> forms = nullptr);

  uint64_t first_sequence() const { return first_sequence_; }
  uint64_t last_sequence() const { return first_sequence_ + size() - 1; }
  size_t size() const { return offsets_.size(); }
  size_t frame_bytes() const { return frames_.size(); }
  // Memory this batch holds, without the parsed form.
  size_t byte_size() const;

  // Frames of events [first, first + count).
  std::string_view frames(size_t first, size_t count) const;
  // The bytes of one event, without its frame.
  std::string_view event_bytes(size_t index) const;
  const EventTraits& traits(size_t index) const { return traits_[index]; }

  // The parsed events, as many as size(). Kept while the batch is young and others of its log are
  // asked for theirs; else parsed again, and then not kept. Any thread.
  std::shared_ptr<const event::EventList> parsed() const;
  // Gives up the parsed form, to be freed where it holds nobody up. Called by the bus when the
  // batch is no longer young.
  std::shared_ptr<const event::EventList> ReleaseParsed() const;

 private:
  std::shared_ptr<const event::EventList> ParseAll(event::EventPool& pool) const;

  const uint64_t first_sequence_;
  const std::string frames_;
  const std::vector<uint32_t> offsets_;
  const std::vector<EventTraits> traits_;
  const std::shared_ptr<ParsedForms> forms_;
  mutable base::Mutex mu_;
  mutable std::shared_ptr<const event::EventList> parsed_ GUARDED_BY(mu_);
};

// A run of events of one batch.
struct BatchSpan {
  std::shared_ptr<const EventBatch> batch;
  uint32_t first = 0;
  uint32_t count = 0;

  std::string_view frames() const { return batch->frames(first, count); }
  bool whole_batch() const { return first == 0 && count == batch->size(); }
};

}  // namespace daemoneye::event_bus
