#include "libs/event/event_pool.h"

#include <utility>

#include "libs/event/parse_again.h"

namespace daemoneye::event {
namespace {

constexpr size_t kExpectedEvents = 256;

}  // namespace

EventList EventPool::Idle::Take() {
  EventList events;
  base::MutexLock lock(mu_);
  if (lists_.empty()) return events;
  events = std::move(lists_.back());
  lists_.pop_back();
  size_ -= events.size();
  return events;
}

void EventPool::Idle::GiveBack(EventList events) {
  if (events.empty()) return;
  base::MutexLock lock(mu_);
  if (size_ + events.size() > kMaxEvents) return;
  size_ += events.size();
  lists_.push_back(std::move(events));
}

size_t EventPool::Idle::size() const {
  base::MutexLock lock(mu_);
  return size_;
}

std::shared_ptr<EventList> EventPool::NewList(size_t expected) {
  auto list = std::make_unique<EventList>();
  list->reserve(expected);
  return {list.release(), [idle = std::weak_ptr(idle_)](EventList* ended) {
            const std::unique_ptr<EventList> list(ended);
            if (const auto pool = idle.lock()) pool->GiveBack(std::move(*list));
          }};
}

size_t EventPool::size() const { return idle_->size(); }

bool EventListParser::Append(std::string_view bytes) {
  if (bytes.size() > EventPool::kMaxEventBytes) is_large_ = true;
  if (idle_.empty()) idle_ = pool_.Take();
  if (idle_.empty()) {
    list().emplace_back();
  } else {
    list().push_back(std::move(idle_.back()));
    idle_.pop_back();
  }
  if (ParseAgain(bytes, last())) return true;
  DropLast();
  return false;
}

void EventListParser::Append(Event event) { list().push_back(std::move(event)); }

void EventListParser::DropLast() {
  if (!is_large_) idle_.push_back(std::move(list_->back()));
  list_->pop_back();
  if (idle_.size() > kExpectedEvents) Rest();
}

std::shared_ptr<EventList> EventListParser::Finish() {
  EventList& events = list();
  if (!std::exchange(is_large_, false)) return std::move(list_);
  auto large = std::make_shared<EventList>(std::move(events));
  list_.reset();
  return large;
}

EventList& EventListParser::list() {
  if (list_ == nullptr) list_ = pool_.NewList(kExpectedEvents);
  return *list_;
}

}  // namespace daemoneye::event
