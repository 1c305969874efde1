// CallThread: makes calls that may hang, one after the other, on a thread that can be left behind.
//
// A thread cannot be ended from outside, so one that hangs in a call is handed to the process: a
// list that is never destroyed owns it, and joins it when a later hand-over finds it ended. What
// such a call uses must be shared with it.
//
// Threads:    all methods from any, Retire from one.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"

namespace daemoneye::collector {

class CallThread {
 public:
  using Call = std::function<void()>;

  static constexpr size_t kMaxQueuedCalls = 64;

  explicit CallThread(const std::string& name);
  // Leaves behind a call that still runs.
  ~CallThread();

  // Queues `call`. False when kMaxQueuedCalls wait already, or when retired.
  bool Post(Call call);

  // Drops the calls that wait, ends the thread and waits until `deadline` for the call that it is
  // in. False when it was left behind. Idempotent.
  bool Retire(base::Monotonic deadline, base::Clock& clock);

  // Threads left behind by this process that have not ended since.
  static size_t LeftBehind();
  // Waits until they have ended: for tests, once they let their sources go.
  static void JoinLeftBehind();

 private:
  // Shared with the thread.
  struct State {
    base::Mutex mu;
    base::CondVar changed;
    std::deque<Call> calls GUARDED_BY(mu);
    bool is_busy GUARDED_BY(mu) = false;
    bool is_retired GUARDED_BY(mu) = false;
    bool has_ended GUARDED_BY(mu) = false;
  };
  class Graveyard;

  static void Body(State& state);

  const std::shared_ptr<State> state_;
  base::Thread thread_;
};

}  // namespace daemoneye::collector
