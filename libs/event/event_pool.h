// EventPool: parsed events whose memory is used again for the next ones (see ParseAgain), and
// EventListParser, which makes lists of them.
//
// A list goes where it likes, as a shared_ptr, and its events come back when its last owner lets go
// of it.
//
// Threads:    EventPool any; an EventListParser one at a time.
// Ownership:  lists may outlive the pool and then end as any other; parsers do not.
// Cost:       see event_pool_benchmark. Holds at most kMaxEvents idle events, about 2.5 KiB each.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/event/event.h"

namespace daemoneye::event {

class EventPool {
 public:
  static constexpr size_t kMaxEvents = 2048;
  // Texts keep the room of the longest that they ever held: a list with an event of more bytes than
  // this ends as any other.
  static constexpr size_t kMaxEventBytes = 4 << 10;

  // Events of any content, to be overwritten; none when none are idle.
  EventList Take() { return idle_->Take(); }
  void GiveBack(EventList events) { idle_->GiveBack(std::move(events)); }
  // An empty list that gives its events back, with room for `expected`.
  std::shared_ptr<EventList> NewList(size_t expected);

  size_t size() const;

 private:
  // What lists hold on to.
  class Idle {
   public:
    EventList Take();
    void GiveBack(EventList events);
    size_t size() const;

   private:
    mutable base::Mutex mu_;
    std::vector<EventList> lists_ GUARDED_BY(mu_);
    size_t size_ GUARDED_BY(mu_) = 0;
  };

  const std::shared_ptr<Idle> idle_ = std::make_shared<Idle>();
};

class EventListParser {
 public:
  explicit EventListParser(EventPool& pool) : pool_(pool) {}

  // Appends the event that `bytes` parse to. False, and nothing appended, where they do not.
  bool Append(std::string_view bytes);
  // Appends one that was taken off before.
  void Append(Event event);
  // Of size() > 0.
  Event& last() { return list_->back(); }
  void DropLast();
  size_t size() const { return list_ == nullptr ? 0 : list_->size(); }

  // The events appended; the parser begins anew.
  std::shared_ptr<EventList> Finish();
  // Leaves nothing idle with this parser: before it waits.
  void Rest() { pool_.GiveBack(std::exchange(idle_, {})); }

 private:
  EventList& list();

  EventPool& pool_;
  std::shared_ptr<EventList> list_;
  // The list holds, or held, a large event.
  bool is_large_ = false;
  EventList idle_;
};

}  // namespace daemoneye::event
