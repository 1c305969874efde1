// StreamLoop: one thread that wakes streams: those that have something to read, and those whose
// timer is due.
//
// A publisher only marks a stream; what the stream then does runs here or in its write's
// completion, never on the publisher's thread.
//
// Threads:    owns one; all methods from any. Wake and WakeAt are quick and call nothing.
// Ownership:  holds its members until Remove; borrows the clock.
// Cost:       a wake-up of the thread, for any number of members woken together.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"

namespace daemoneye::monitor {

class StreamLoop {
 public:
  using Id = uint64_t;
  static constexpr base::Monotonic kNever = base::Monotonic::max();

  class Member {
   public:
    virtual ~Member() = default;
    // Woken, or its time came (or both, or neither). Must not block. Returns when it wants to be
    // woken next, kNever when only by Wake.
    virtual base::Monotonic OnWake() = 0;
  };

  explicit StreamLoop(base::Clock& clock);
  ~StreamLoop() { Stop(); }

  // Holds `member`; woken from the first Wake or WakeAt on. After Stop it is never woken.
  Id Add(std::shared_ptr<Member> member);
  // Lets go of it; an OnWake under way may still end.
  void Remove(Id id);

  // OnWake soon, once however often this is called before. Unknown ids are ignored.
  void Wake(Id id);
  void WakeAll();
  // OnWake at `when` if it is not planned for earlier.
  void WakeAt(Id id, base::Monotonic when);

  // Ends the thread and lets go of all members. Idempotent; not from OnWake.
  void Stop();

  size_t member_count() const;

 private:
  struct Entry {
    std::shared_ptr<Member> member;
    bool is_marked = false;
    base::Monotonic planned = kNever;
  };
  using Timer = std::pair<base::Monotonic, Id>;

  void Run(std::stop_token stop);
  // Members to wake now, at most one turn's worth of each.
  std::vector<std::pair<Id, std::shared_ptr<Member>>> TakeDueLocked(base::Monotonic now)
      REQUIRES(mu_);
  void PlanLocked(Id id, Entry& entry, base::Monotonic when) REQUIRES(mu_);
  void MarkLocked(Id id, Entry& entry) REQUIRES(mu_);

  base::Clock& clock_;
  mutable base::Mutex mu_;
  base::CondVar changed_;
  bool is_stopped_ GUARDED_BY(mu_) = false;
  bool is_waiting_ GUARDED_BY(mu_) = false;
  Id next_id_ GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<Id, Entry> entries_ GUARDED_BY(mu_);
  std::vector<Id> marked_ GUARDED_BY(mu_);  // at most one of each member
  std::set<Timer> timers_ GUARDED_BY(mu_);  // at most one of each member
  base::Thread thread_;
};

}  // namespace daemoneye::monitor
