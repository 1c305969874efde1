#include "libs/monitor/stream_loop.h"

namespace daemoneye::monitor {

StreamLoop::StreamLoop(base::Clock& clock)
    : clock_(clock), thread_("streams", [this](std::stop_token stop) { Run(stop); }) {}

StreamLoop::Id StreamLoop::Add(std::shared_ptr<Member> member) {
  base::MutexLock lock(mu_);
  const Id id = next_id_++;
  if (!is_stopped_) entries_[id].member = std::move(member);
  return id;
}

void StreamLoop::Remove(Id id) {
  std::shared_ptr<Member> last;  // destroyed without the lock
  base::MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  PlanLocked(id, it->second, kNever);
  last = std::move(it->second.member);
  entries_.erase(it);
}

void StreamLoop::Wake(Id id) {
  base::MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it != entries_.end()) MarkLocked(id, it->second);
}

void StreamLoop::WakeAll() {
  base::MutexLock lock(mu_);
  for (auto& [id, entry] : entries_) MarkLocked(id, entry);
}

void StreamLoop::WakeAt(Id id, base::Monotonic when) {
  base::MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it == entries_.end() || when >= it->second.planned) return;
  const bool is_first = timers_.empty() || when < timers_.begin()->first;
  PlanLocked(id, it->second, when);
  if (is_first && is_waiting_) changed_.NotifyOne();
}

void StreamLoop::Stop() {
  thread_.RequestStop();
  {
    base::MutexLock lock(mu_);
    is_stopped_ = true;
    changed_.NotifyOne();
  }
  thread_.StopAndJoin();
  absl::flat_hash_map<Id, Entry> last;  // destroyed without the lock
  base::MutexLock lock(mu_);
  last.swap(entries_);
  timers_.clear();
  marked_.clear();
}

size_t StreamLoop::member_count() const {
  base::MutexLock lock(mu_);
  return entries_.size();
}

void StreamLoop::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::vector<std::pair<Id, std::shared_ptr<Member>>> due;
    {
      base::MutexLock lock(mu_);
      while (!is_stopped_ && marked_.empty() &&
             (timers_.empty() || timers_.begin()->first > clock_.MonotonicNow())) {
        is_waiting_ = true;
        if (timers_.empty()) {
          changed_.Wait(mu_);
        } else {
          clock_.WaitUntil(changed_, mu_, timers_.begin()->first);
        }
        is_waiting_ = false;
      }
      if (is_stopped_) return;
      due = TakeDueLocked(clock_.MonotonicNow());
    }
    for (auto& [id, member] : due) {
      const base::Monotonic next = member->OnWake();
      if (next != kNever) WakeAt(id, next);
    }
  }
}

std::vector<std::pair<StreamLoop::Id, std::shared_ptr<StreamLoop::Member>>>
StreamLoop::TakeDueLocked(base::Monotonic now) {
  std::vector<std::pair<Id, std::shared_ptr<Member>>> due;
  for (const Id id : marked_) {
    const auto it = entries_.find(id);
    if (it == entries_.end()) continue;
    it->second.is_marked = false;
    PlanLocked(id, it->second, kNever);  // it plans anew
    due.emplace_back(id, it->second.member);
  }
  marked_.clear();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Id id = timers_.begin()->second;
    Entry& entry = entries_.find(id)->second;
    PlanLocked(id, entry, kNever);
    due.emplace_back(id, entry.member);
  }
  return due;
}

void StreamLoop::PlanLocked(Id id, Entry& entry, base::Monotonic when) {
  if (entry.planned != kNever) timers_.erase({entry.planned, id});
  entry.planned = when;
  if (when != kNever) timers_.insert({when, id});
}

void StreamLoop::MarkLocked(Id id, Entry& entry) {
  if (entry.is_marked) return;
  entry.is_marked = true;
  marked_.push_back(id);
  if (is_waiting_) changed_.NotifyOne();
}

}  // namespace daemoneye::monitor
