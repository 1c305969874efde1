// RequestQueue: accepted matches that wait for their target, in four priorities.
//
// Above 80 % of the capacity LOW is shed, above 90 % NORMAL; when full, a match that is above the
// lowest queued takes the place of the youngest of those, and any other is refused. All are counted
// by the priority of what is lost.
//
// Threads: compatible.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "libs/base/clock.h"
#include "libs/trigger/trigger_match.h"

namespace daemoneye::trigger {

class RequestQueue {
 public:
  enum class Verdict { kQueued, kShed, kFull };
  struct Item {
    TriggerMatch match;
    base::Monotonic deadline;
  };
  struct Pushed {
    Verdict verdict = Verdict::kQueued;
    // What was thrown out for it.
    std::optional<Item> evicted;
  };

  explicit RequestQueue(size_t capacity) : capacity_(capacity) {}

  Pushed Push(Item item);
  // All that is queued, the highest priority first and the oldest of each; the queue is empty then.
  std::vector<Item> TakeAll();
  // Takes back what TakeAll gave and nobody wanted: always fits, in front of what came since.
  void PutBack(std::vector<Item> items);

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  // By v1::TriggerPriority.
  uint64_t dropped(v1::TriggerPriority priority) const { return dropped_[priority]; }

 private:
  static constexpr size_t kPriorities = v1::TriggerPriority_ARRAYSIZE;

  const size_t capacity_;
  std::array<std::deque<Item>, kPriorities> queues_;
  std::array<uint64_t, kPriorities> dropped_{};
  size_t size_ = 0;
};

// The trigger's priority; NORMAL where it has none.
v1::TriggerPriority PriorityOf(const v1::Trigger& trigger);

}  // namespace daemoneye::trigger
