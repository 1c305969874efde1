// Interrupt: turns Ctrl-C (SIGINT) and SIGTERM into the end of the call that is under way.
//
// Lifecycle:  make it first thing in main: threads started before would still take the signals.
// Threads:    owns one, which waits for the signals.
#pragma once

#include <functional>
#include <stop_token>

#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::eyectl {

// 128 + SIGINT, as shells have it.
inline constexpr int kExitInterrupted = 130;

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();

  bool requested() const;

  // While it lives, the first signal calls `cancel`, which must not block; when the signal came
  // before, at once. A signal without a call under way, and every second one, ends the process with
  // 130, as a shell expects.
  class Scope {
   public:
    Scope(Interrupt& interrupt, std::function<void()> cancel);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Interrupt& interrupt_;
  };

 private:
  void Run();
  // False when the destructor asked to stop.
  bool AwaitSignal() const;

  base::UniqueFd signals_, stop_;
  mutable base::Mutex mu_;
  bool requested_ GUARDED_BY(mu_) = false;
  std::function<void()> cancel_ GUARDED_BY(mu_);
  base::Thread thread_;
};

}  // namespace daemoneye::eyectl
