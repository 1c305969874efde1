// BoundedQueue: a queue of items with a weight each and a total weight that it never exceeds.
//
// The policy at the bound is the producer's: TryPush refuses, PushBefore waits. Both are exact, so
// the producer counts what it sheds.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "libs/base/clock.h"

namespace daemoneye::base {

template <typename T>
class BoundedQueue {
 public:
  // `clock` outlives the queue.
  BoundedQueue(size_t capacity, Clock& clock) : capacity_(capacity), clock_(clock) {}

  // False, with `item` untouched, when closed or when `weight` does not fit now. An item heavier
  // than the whole queue fits only when the queue is empty.
  bool TryPush(T& item, size_t weight = 1) {
    MutexLock lock(mu_);
    if (closed_ || !FitsLocked(weight)) return false;
    PushLocked(item, weight);
    return true;
  }

  // As TryPush, but waits for room until `deadline`.
  bool PushBefore(T& item, size_t weight, Monotonic deadline) {
    MutexLock lock(mu_);
    while (!closed_ && !FitsLocked(weight)) {
      if (clock_.MonotonicNow() >= deadline) return false;
      clock_.WaitUntil(not_full_, mu_, deadline);
    }
    if (closed_) return false;
    PushLocked(item, weight);
    return true;
  }

  // The oldest item, waiting for one until `deadline`; nullopt at the deadline, or when closed and
  // empty.
  std::optional<T> PopBefore(Monotonic deadline) {
    MutexLock lock(mu_);
    while (items_.empty() && !closed_) {
      if (clock_.MonotonicNow() >= deadline) return std::nullopt;
      clock_.WaitUntil(not_empty_, mu_, deadline);
    }
    if (items_.empty()) return std::nullopt;
    auto [item, weight] = std::move(items_.front());
    items_.pop_front();
    weight_ -= weight;
    not_full_.NotifyAll();
    return std::move(item);
  }

  // No further pushes; what is queued can still be popped.
  void Close() {
    MutexLock lock(mu_);
    closed_ = true;
    not_full_.NotifyAll();
    not_empty_.NotifyAll();
  }

  bool closed() const {
    MutexLock lock(mu_);
    return closed_;
  }
  // Total weight now.
  size_t weight() const {
    MutexLock lock(mu_);
    return weight_;
  }
  size_t capacity() const { return capacity_; }

 private:
  bool FitsLocked(size_t weight) const REQUIRES(mu_) {
    return weight_ + weight <= capacity_ || items_.empty();
  }
  void PushLocked(T& item, size_t weight) REQUIRES(mu_) {
    items_.emplace_back(std::move(item), weight);
    weight_ += weight;
    not_empty_.NotifyOne();
  }

  const size_t capacity_;
  Clock& clock_;
  mutable Mutex mu_;
  CondVar not_full_;
  CondVar not_empty_;
  std::deque<std::pair<T, size_t>> items_ GUARDED_BY(mu_);
  size_t weight_ GUARDED_BY(mu_) = 0;
  bool closed_ GUARDED_BY(mu_) = false;
};

}  // namespace daemoneye::base
