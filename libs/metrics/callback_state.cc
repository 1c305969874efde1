#include "libs/metrics/callback_state.h"

namespace daemoneye::metrics {

void CallbackHandle::State::Call(const SampleSink& sink) {
  {
    base::MutexLock lock(mu_);
    if (removed_) return;
    ++running_;
  }
  collect_(sink);
  base::MutexLock lock(mu_);
  --running_;
  idle_.NotifyAll();
}

void CallbackHandle::State::Remove() {
  base::MutexLock lock(mu_);
  removed_ = true;
  while (running_ > 0) idle_.Wait(mu_);
}

bool CallbackHandle::State::removed() const {
  base::MutexLock lock(mu_);
  return removed_;
}

CallbackHandle::CallbackHandle(std::shared_ptr<State> state) : state_(std::move(state)) {}

CallbackHandle& CallbackHandle::operator=(CallbackHandle&& other) noexcept {
  if (this != &other) {
    if (state_ != nullptr) state_->Remove();
    state_ = std::move(other.state_);
  }
  return *this;
}

CallbackHandle::~CallbackHandle() {
  if (state_ != nullptr) state_->Remove();
}

}  // namespace daemoneye::metrics
