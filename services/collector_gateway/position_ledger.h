// PositionLedger: which position of a monitor's log is safe to resume from once the gateway's own
// log is stored up to where it was then.
//
// A gateway below has a log of its own, whose positions no event carries; and a monitor's newest
// events may have been refused. So a link notes where it is, and the store's writer takes what is
// behind its own place.
//
// Threads:    all methods from any.
// Cost:       `log_position` is asked at most each 250 ms a log.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/storage/event_store.h"

namespace daemoneye::gateway {

class PositionLedger {
 public:
  // Logs that are kept in mind; of more, the rest resume by their events alone.
  static constexpr size_t kMaxLogs = 10'000;

  // `log_position` tells the newest position of the gateway's log.
  PositionLedger(std::function<uint64_t()> log_position, base::Clock& clock)
      : log_position_(std::move(log_position)), clock_(clock) {}

  // The log `stream_id` has been taken over up to `sequence`.
  void Note(const std::string& stream_id, uint64_t sequence);

  // Marks whose events lie at or before `stored_up_to`; each is taken once.
  std::vector<storage::LogMark> Take(uint64_t stored_up_to);

 private:
  struct Entry {
    uint64_t sequence = 0;
    uint64_t log_position = 0;
    bool is_pending = false;
    base::Monotonic next_note;
  };

  const std::function<uint64_t()> log_position_;
  base::Clock& clock_;
  base::Mutex mu_;
  absl::flat_hash_map<std::string, Entry> entries_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::gateway
