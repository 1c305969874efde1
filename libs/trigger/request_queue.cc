#include "libs/trigger/request_queue.h"

#include <iterator>
#include <utility>

namespace daemoneye::trigger {

v1::TriggerPriority PriorityOf(const v1::Trigger& trigger) {
  const v1::TriggerPriority priority = trigger.priority();
  const bool is_known =
      v1::TriggerPriority_IsValid(priority) && priority != v1::TRIGGER_PRIORITY_UNSPECIFIED;
  return is_known ? priority : v1::TRIGGER_PRIORITY_NORMAL;
}

RequestQueue::Pushed RequestQueue::Push(Item item) {
  const v1::TriggerPriority priority = PriorityOf(*item.match.trigger);
  const bool is_shed = (priority == v1::TRIGGER_PRIORITY_LOW && size_ * 10 >= capacity_ * 8) ||
                       (priority == v1::TRIGGER_PRIORITY_NORMAL && size_ * 10 >= capacity_ * 9);
  if (is_shed) {
    ++dropped_[priority];
    return {.verdict = Verdict::kShed, .evicted = std::nullopt};
  }
  Pushed pushed;
  if (size_ >= capacity_) {
    size_t lowest = 0;
    while (lowest < kPriorities && queues_[lowest].empty()) ++lowest;
    if (lowest >= static_cast<size_t>(priority)) {
      ++dropped_[priority];
      return {.verdict = Verdict::kFull, .evicted = std::nullopt};
    }
    pushed.evicted = std::move(queues_[lowest].back());
    queues_[lowest].pop_back();
    ++dropped_[lowest];
    --size_;
  }
  queues_[priority].push_back(std::move(item));
  ++size_;
  return pushed;
}

std::vector<RequestQueue::Item> RequestQueue::TakeAll() {
  std::vector<Item> items;
  items.reserve(size_);
  for (size_t priority = kPriorities; priority-- > 0;) {
    std::ranges::move(queues_[priority], std::back_inserter(items));
    queues_[priority].clear();
  }
  size_ = 0;
  return items;
}

void RequestQueue::PutBack(std::vector<Item> items) {
  size_ += items.size();
  for (size_t i = items.size(); i-- > 0;) {
    const v1::TriggerPriority priority = PriorityOf(*items[i].match.trigger);
    queues_[priority].push_front(std::move(items[i]));
  }
}

}  // namespace daemoneye::trigger
