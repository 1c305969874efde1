#include "libs/trigger/deduplicator.h"

namespace daemoneye::trigger {

void Deduplicator::Expire(base::Monotonic now) {
  while (!order_.empty() && order_.begin()->first <= now) {
    entries_.erase(order_.begin()->second);
    order_.erase(order_.begin());
  }
}

bool Deduplicator::Contains(const std::string& key, base::Monotonic now) {
  Expire(now);
  return entries_.contains(key);
}

void Deduplicator::Record(const std::string& key, base::Monotonic expiry) {
  if (const auto found = entries_.find(key); found != entries_.end()) {
    order_.erase(found->second);
    found->second = order_.emplace(expiry, key);
    return;
  }
  if (max_entries_ == 0) return;
  if (entries_.size() >= max_entries_) {
    entries_.erase(order_.begin()->second);
    order_.erase(order_.begin());
    ++evicted_;
  }
  entries_.emplace(key, order_.emplace(expiry, key));
}

void Deduplicator::Forget(const std::string& prefix) {
  for (auto it = order_.begin(); it != order_.end();) {
    if (!it->second.starts_with(prefix)) {
      ++it;
      continue;
    }
    entries_.erase(it->second);
    it = order_.erase(it);
  }
}

}  // namespace daemoneye::trigger
