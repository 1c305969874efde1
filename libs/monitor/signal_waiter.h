// SignalWaiter: the main thread's wait for SIGTERM, SIGINT, SIGHUP, or a word from another thread.
//
// Construct it before any other thread is started: they inherit the blocked signals, so that the
// kernel hands them to nobody but Wait (signalfd(2)).
//
// Threads:    one waits, any calls Wake.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::monitor {

class SignalWaiter {
 public:
  enum class Reason { kTerminate, kReload, kWoken, kTimeout };

  static absl::StatusOr<SignalWaiter> Create();

  // Waits for a signal, a Wake since the last Wait, or `timeout`.
  Reason Wait(absl::Duration timeout);

  // Makes a Wait under way, or the next one, return kWoken.
  void Wake() const;

  // From now on the next SIGTERM or SIGINT ends the process at once.
  void RestoreDefault();

 private:
  SignalWaiter(base::UniqueFd signals, base::UniqueFd wake)
      : signals_(std::move(signals)), wake_(std::move(wake)) {}

  base::UniqueFd signals_;
  base::UniqueFd wake_;
};

}  // namespace daemoneye::monitor
