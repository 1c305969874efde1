// EventPool: parsed events whose memory is used again for the next ones (see ParseAgain), and
// EventListParser, which makes lists of them.
//
// A list goes where it likes, as a shared_ptr, and its events come back when its last owner lets go
// of it.
//
// Threads:    EventPool any; an EventListParser one at a time.
// Ownership:  lists may outlive the pool and then end as any other; parsers do not.
// Cost:       see event_pool_benchmark. Idle events hold about 2.5 KiB each. However hard somebody
//             tries, 100 KiB: texts keep the room of the longest that they ever held, but an
//             event is used kMaxUses times only, and none that was large is kept.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/event/event.h"

namespace daemoneye::event {

// Events of any content, to be overwritten, and how often they were used.
struct UsedEvents {
  EventList events;
  int uses = 0;
};

class EventPool {
 public:
  // Idle at once.
  static constexpr size_t kMaxEvents = 1024;
  static constexpr int kMaxUses = 16;
  // Serialised, of an event that is used again.
  static constexpr size_t kMaxEventBytes = 4 << 10;

  // Idle events; none where there are none.
  UsedEvents Take() { return idle_->Take(); }
  void GiveBack(UsedEvents used) { idle_->GiveBack(std::move(used)); }
  // An empty list that gives its events back, with room for `expected`.
  std::shared_ptr<UsedEvents> NewList(size_t expected);

  size_t size() const { return idle_->size(); }

 private:
  // What lists hold on to.
  class Idle {
   public:
    UsedEvents Take();
    void GiveBack(UsedEvents used);
    size_t size() const;

   private:
    mutable base::Mutex mu_;
    std::vector<UsedEvents> lists_ GUARDED_BY(mu_);
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
  Event& last() { return list_->events.back(); }
  void DropLast();
  size_t size() const { return list_ == nullptr ? 0 : list_->events.size(); }

  // The events appended; the parser begins anew.
  std::shared_ptr<EventList> Finish();
  // Leaves nothing idle with this parser: before it waits.
  void Rest() { pool_.GiveBack(std::exchange(idle_, {})); }

 private:
  UsedEvents& list();
  // Lets the list end with its events when one of that many bytes is in it.
  void KeepSmall(size_t event_bytes);

  EventPool& pool_;
  std::shared_ptr<UsedEvents> list_;
  UsedEvents idle_;
};

}  // namespace daemoneye::event
