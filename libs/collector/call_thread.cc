#include "libs/collector/call_thread.h"

#include <utility>
#include <vector>

namespace daemoneye::collector {

// The threads that were left behind. One a process, never destroyed: destroying it would join them.
class CallThread::Graveyard {
 public:
  static Graveyard& Get() {
    static auto* const graveyard = new Graveyard;
    return *graveyard;
  }

  void Add(base::Thread thread, std::shared_ptr<State> state) {
    std::vector<Grave> ended;  // joined outside the lock
    base::MutexLock lock(mu_);
    ended = TakeEndedLocked();
    graves_.push_back({std::move(thread), std::move(state)});
  }

  size_t Count() {
    std::vector<Grave> ended;
    base::MutexLock lock(mu_);
    ended = TakeEndedLocked();
    return graves_.size();
  }

  void JoinAll() {
    std::vector<Grave> graves;  // joined outside the lock
    base::MutexLock lock(mu_);
    graves.swap(graves_);
  }

 private:
  struct Grave {
    base::Thread thread;
    std::shared_ptr<State> state;
  };

  std::vector<Grave> TakeEndedLocked() REQUIRES(mu_) {
    std::vector<Grave> ended, living;
    for (Grave& grave : graves_) {
      bool has_ended;
      {
        base::MutexLock lock(grave.state->mu);
        has_ended = grave.state->has_ended;
      }
      (has_ended ? ended : living).push_back(std::move(grave));
    }
    graves_ = std::move(living);
    return ended;
  }

  base::Mutex mu_;
  std::vector<Grave> graves_ GUARDED_BY(mu_);
};

CallThread::CallThread(const std::string& name)
    : state_(std::make_shared<State>()),
      thread_(name, [state = state_](std::stop_token) { Body(*state); }) {}

CallThread::~CallThread() { Retire(base::Monotonic::min(), base::Clock::Real()); }

void CallThread::Body(State& state) {
  while (true) {
    Call call;
    {
      base::MutexLock lock(state.mu);
      state.is_busy = false;
      state.changed.NotifyAll();
      while (state.calls.empty() && !state.is_retired) state.changed.Wait(state.mu);
      if (state.calls.empty()) {
        state.has_ended = true;
        state.changed.NotifyAll();
        return;
      }
      call = std::move(state.calls.front());
      state.calls.pop_front();
      state.is_busy = true;
    }
    call();
    call = nullptr;  // may free a source: before anybody waits no longer
  }
}

bool CallThread::Post(Call call) {
  base::MutexLock lock(state_->mu);
  if (state_->is_retired || state_->calls.size() >= kMaxQueuedCalls) return false;
  state_->calls.push_back(std::move(call));
  state_->changed.NotifyAll();
  return true;
}

bool CallThread::Retire(base::Monotonic deadline, base::Clock& clock) {
  if (!thread_.joinable()) return true;
  std::deque<Call> dropped;  // destroyed outside the lock
  bool has_ended;
  {
    base::MutexLock lock(state_->mu);
    state_->is_retired = true;
    dropped.swap(state_->calls);
    state_->changed.NotifyAll();
    while (!state_->has_ended) {
      if (!state_->is_busy) {
        state_->changed.Wait(state_->mu);  // it ends now
      } else if (clock.MonotonicNow() < deadline) {
        clock.WaitUntil(state_->changed, state_->mu, deadline);
      } else {
        break;
      }
    }
    has_ended = state_->has_ended;
  }
  if (has_ended) {
    thread_.StopAndJoin();
  } else {
    Graveyard::Get().Add(std::move(thread_), state_);
  }
  return has_ended;
}

size_t CallThread::LeftBehind() { return Graveyard::Get().Count(); }

void CallThread::JoinLeftBehind() { Graveyard::Get().JoinAll(); }

}  // namespace daemoneye::collector
