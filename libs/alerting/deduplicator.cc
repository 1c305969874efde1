#include "libs/alerting/deduplicator.h"

namespace daemoneye::alerting {

bool Deduplicator::HoldsBack(const std::string& key, base::Monotonic now, uint64_t count) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || now >= found->second.until) return false;
  found->second.held_back += count;
  return true;
}

uint64_t Deduplicator::held_back(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? 0 : found->second.held_back;
}

void Deduplicator::Accept(const std::string& key, absl::Duration window, base::Monotonic now,
                          const std::string& id) {
  using base::operator+;
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (window <= absl::ZeroDuration()) return;
    MakeRoom();
    by_start_.push_back(key);
    found = entries_.try_emplace(key).first;
    found->second.order = std::prev(by_start_.end());
  } else {
    by_start_.splice(by_start_.end(), by_start_, found->second.order);
  }
  found->second.until = now + window;
  found->second.held_back = 0;
  found->second.id = id;
}

bool Deduplicator::IsOf(const std::string& key, const std::string& id) const {
  const auto found = entries_.find(key);
  return found != entries_.end() && !id.empty() && found->second.id == id;
}

void Deduplicator::MakeRoom() {
  if (entries_.size() < capacity_) return;
  const auto oldest = entries_.find(by_start_.front());
  forgotten_ += oldest->second.held_back;
  entries_.erase(oldest);
  by_start_.pop_front();
}

}  // namespace daemoneye::alerting
