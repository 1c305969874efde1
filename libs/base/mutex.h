// Mutex, MutexLock, CondVar: std::mutex with Clang's thread-safety annotations.
//
// absl::Mutex is not used: against Debian's uninstrumented build it is a TSan false positive.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"  // GUARDED_BY, NO_THREAD_SAFETY_ANALYSIS

#if defined(__clang__)
#define DAEMONEYE_TSA_(x) __attribute__((x))
#else
#define DAEMONEYE_TSA_(x)
#endif

#define CAPABILITY(x) DAEMONEYE_TSA_(capability(x))
#define SCOPED_CAPABILITY DAEMONEYE_TSA_(scoped_lockable)
#define REQUIRES(...) DAEMONEYE_TSA_(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) DAEMONEYE_TSA_(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) DAEMONEYE_TSA_(acquire_capability(__VA_ARGS__))
#define RELEASE(...) DAEMONEYE_TSA_(release_capability(__VA_ARGS__))

namespace daemoneye::base {

class CAPABILITY("mutex") Mutex {
 public:
  void Lock() ACQUIRE() { mu_.lock(); }
  void Unlock() RELEASE() { mu_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mu_;
};

// Holds a Mutex for a scope.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ACQUIRE(mu) : mu_(mu) { mu_.Lock(); }
  ~MutexLock() RELEASE() { mu_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

// A condition variable over a Mutex that the caller holds. Wake-ups may be spurious: wait in a
// loop.
class CondVar {
 public:
  void Wait(Mutex& mu) REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }

  // Returns false when `deadline` (steady clock) passed.
  bool WaitUntil(Mutex& mu, std::chrono::steady_clock::time_point deadline) REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    const bool in_time = cv_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }

  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace daemoneye::base
