#include "libs/event/event_pool.h"

#include <algorithm>

#include "libs/event/parse_again.h"

namespace daemoneye::event {
namespace {

constexpr size_t kExpectedEvents = 256;

}  // namespace

UsedEvents EventPool::Idle::Take() {
  base::MutexLock lock(mu_);
  if (lists_.empty()) return {};
  UsedEvents used = std::move(lists_.back());
  lists_.pop_back();
  size_ -= used.events.size();
  return used;
}

void EventPool::Idle::GiveBack(UsedEvents used) {
  if (used.events.empty() || used.uses >= kMaxUses) return;
  base::MutexLock lock(mu_);
  if (size_ + used.events.size() > kMaxEvents) return;
  size_ += used.events.size();
  lists_.push_back(std::move(used));
}

size_t EventPool::Idle::size() const {
  base::MutexLock lock(mu_);
  return size_;
}

std::shared_ptr<UsedEvents> EventPool::NewList(size_t expected) {
  auto list = std::make_unique<UsedEvents>();
  list->events.reserve(expected);
  return {list.release(), [idle = std::weak_ptr(idle_)](UsedEvents* ended) {
            const std::unique_ptr<UsedEvents> list(ended);
            if (const auto pool = idle.lock()) pool->GiveBack(std::move(*list));
          }};
}

bool EventListParser::Append(std::string_view bytes) {
  if (idle_.events.empty()) idle_ = pool_.Take();
  UsedEvents& list = this->list();
  if (idle_.events.empty()) {
    list.events.emplace_back();
    list.uses = std::max(list.uses, 1);
  } else {
    list.events.push_back(std::move(idle_.events.back()));
    idle_.events.pop_back();
    list.uses = std::max(list.uses, idle_.uses + 1);
  }
  KeepSmall(bytes.size());
  if (ParseAgain(bytes, last())) return true;
  DropLast();
  return false;
}

void EventListParser::Append(Event event) {
  list().events.push_back(std::move(event));
  KeepSmall(last().ByteSizeLong());
}

void EventListParser::DropLast() {
  if (list_->uses < EventPool::kMaxUses) {
    idle_.events.push_back(std::move(list_->events.back()));
    idle_.uses = std::max(idle_.uses, list_->uses);
  }
  list_->events.pop_back();
  if (idle_.events.size() > kExpectedEvents) Rest();
}

void EventListParser::KeepSmall(size_t event_bytes) {
  if (event_bytes > EventPool::kMaxEventBytes) list_->uses = EventPool::kMaxUses;
}

std::shared_ptr<EventList> EventListParser::Finish() {
  list();
  const std::shared_ptr<UsedEvents> list = std::move(list_);
  return {list, &list->events};
}

UsedEvents& EventListParser::list() {
  if (list_ == nullptr) list_ = pool_.NewList(kExpectedEvents);
  return *list_;
}

}  // namespace daemoneye::event
