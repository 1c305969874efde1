#include "libs/monitor/signal_waiter.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace daemoneye::monitor {
namespace {

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

absl::StatusOr<SignalWaiter> SignalWaiter::Create() {
  const sigset_t set = Watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A client that closes its connection is an error of write(2), not the end of the server.
  signal(SIGPIPE, SIG_IGN);
  base::UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  base::UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signals.valid() || !wake.valid()) {
    return absl::ErrnoToStatus(errno, "signalfd or eventfd");
  }
  return SignalWaiter(std::move(signals), std::move(wake));
}

SignalWaiter::Reason SignalWaiter::Wait(absl::Duration timeout) {
  pollfd fds[] = {{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  const int timeout_ms = static_cast<int>(absl::ToInt64Milliseconds(timeout));
  if (poll(fds, 2, timeout_ms) <= 0) return Reason::kTimeout;
  signalfd_siginfo info;
  if (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    return info.ssi_signo == SIGHUP ? Reason::kReload : Reason::kTerminate;
  }
  uint64_t count;
  return read(wake_.get(), &count, sizeof(count)) == sizeof(count) ? Reason::kWoken
                                                                   : Reason::kTimeout;
}

void SignalWaiter::Wake() const {
  const uint64_t one = 1;
  // Full means that a wake-up is pending already.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

void SignalWaiter::RestoreDefault() {
  const sigset_t set = Watched();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace daemoneye::monitor
