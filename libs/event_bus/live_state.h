// LiveState: the last word on each subject (a living process, an open connection) of each
// publisher, as serialised events.
//
// What is older than what is known is ignored: an event whose origin sequence its stream has passed
// (a replay), one observed shortly before the word that is known (a slower source), and a word
// about a subject that is known to have ended. Beyond its bytes the subject that was longest silent
// is forgotten and counted. What ended is kept for a minute more where there is room set aside.
//
// Threads:    none of its own; the bus's publish mutex guards it.
// Cost:       a hash look-up and a copy of the event's bytes into a buffer that is kept, 0.1 µs.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/event/event.h"
#include "libs/event_bus/event_bus.h"

namespace daemoneye::event_bus {

class LiveState {
 public:
  // A subject's last word, shared with the state: it does not change any more.
  struct Item {
    std::shared_ptr<const std::string> bytes;
    // It ran before its publisher saw a start, and its image is still the one it had then.
    bool is_first_image = false;
  };

  static constexpr size_t kMaxStreams = 4096;
  static constexpr size_t kMaxEnded = 4096;

  // Of the events' time, between an end and the newest one.
  static constexpr int64_t kKeepEndedNs = 60'000'000'000;

  explicit LiveState(size_t max_bytes, size_t max_ended_bytes = 0)
      : max_bytes_(max_bytes), max_ended_bytes_(max_ended_bytes) {}

  // Takes in an event whose serialised form is `bytes` and whose origin is set.
  void Apply(const event::Event& event, std::string_view bytes);

  // Forgets every subject of a stream.
  void Drop(const std::string& stream_id);

  // Every living subject, in no particular order.
  std::vector<Item> Items();

  // What ended lately, in that order.
  std::vector<EndedSubject> Ended() const;

  size_t entries() const { return index_.size(); }
  size_t bytes() const { return bytes_; }
  // Subjects forgotten, or never taken in, because a bound was hit.
  uint64_t evicted() const { return evicted_; }

 private:
  struct Stream {
    uint32_t id = 0;
    uint64_t last_sequence = 0;
  };
  struct Entry {
    std::string key;
    std::shared_ptr<std::string> bytes;
    uint64_t epoch = 0;  // of Items() when `bytes` was made: older than epoch_ means shared
    int64_t time_ns = 0;
    size_t charged_bytes = 0;
    bool is_first_image = false;
  };
  using Entries = std::list<Entry>;
  struct Ending {
    EndedSubject subject;
    int64_t time_ns = 0;
    size_t charged_bytes = 0;
  };

  Stream* FindStream(const std::string& stream_id);
  void Upsert(const event::Event& event, std::string_view bytes, int64_t time_ns);
  void Store(Entry& entry, std::string_view bytes);
  void End(std::string_view bytes, int64_t time_ns);
  void KeepEnding(std::shared_ptr<const std::string> last_word, std::string_view end,
                  int64_t time_ns);
  void Erase(Entries::iterator entry);

  const size_t max_bytes_;
  const size_t max_ended_bytes_;
  absl::flat_hash_map<std::string, Stream> streams_;
  uint32_t next_stream_id_ = 0;
  // What FindStream found last: events of one stream come in runs.
  std::string last_stream_id_;
  Stream* last_stream_ = nullptr;
  Entries entries_;  // the longest silent first
  absl::flat_hash_map<std::string, Entries::iterator> index_;
  absl::flat_hash_map<size_t, int64_t> ended_;  // hash of the key -> when
  std::deque<size_t> ended_order_;
  std::deque<Ending> endings_;
  size_t endings_bytes_ = 0;
  std::string key_;  // of the event in hand
  uint64_t epoch_ = 0;
  size_t bytes_ = 0;
  uint64_t evicted_ = 0;
};

}  // namespace daemoneye::event_bus
