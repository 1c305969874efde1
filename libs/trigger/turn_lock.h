// TurnLock: a MutexLock that waiting threads get in turns.
//
// A thread that gives a mutex back and takes it again at once gets it before those that wait. Here
// the next one waits with `turn` in hand, which everybody else needs first.
//
// Ownership: borrows both, which outlive it.
#pragma once

#include "libs/base/mutex.h"

namespace daemoneye::trigger {

class SCOPED_CAPABILITY TurnLock {
 public:
  TurnLock(base::Mutex& turn, base::Mutex& mu) ACQUIRE(mu) : mu_(mu) {
    const base::MutexLock lock(turn);
    mu_.Lock();
  }
  ~TurnLock() RELEASE() { mu_.Unlock(); }
  TurnLock(const TurnLock&) = delete;
  TurnLock& operator=(const TurnLock&) = delete;

 private:
  base::Mutex& mu_;
};

}  // namespace daemoneye::trigger
