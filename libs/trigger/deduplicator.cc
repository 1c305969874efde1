#include "libs/trigger/deduplicator.h"

namespace daemoneye::trigger {

using base::operator+;

void Deduplicator::ForgetUntil(base::Monotonic now) {
  while (!order_.empty() && order_.begin()->first <= now) {
    entries_.erase(order_.begin()->second);
    order_.erase(order_.begin());
  }
}

bool Deduplicator::HoldsBack(const std::string& key, base::Monotonic now) {
  ForgetUntil(now);
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.expiry <= now) return false;
  Entry& entry = found->second;
  if (entry.held_back++ == 0) {
    order_.erase(entry.order);
    entry.order = order_.emplace(entry.expiry + kRemember, key);
  }
  return true;
}

uint64_t Deduplicator::held_back(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? 0 : found->second.held_back;
}

void Deduplicator::Record(const std::string& key, base::Monotonic expiry) {
  if (max_entries_ == 0) return;
  if (const auto found = entries_.find(key); found != entries_.end()) {
    order_.erase(found->second.order);
    found->second = {.order = order_.emplace(expiry, key), .expiry = expiry};
    return;
  }
  if (entries_.size() >= max_entries_) {
    entries_.erase(order_.begin()->second);
    order_.erase(order_.begin());
    ++evicted_;
  }
  entries_.emplace(key, Entry{.order = order_.emplace(expiry, key), .expiry = expiry});
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
