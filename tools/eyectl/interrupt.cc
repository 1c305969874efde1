#include "tools/eyectl/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace daemoneye::eyectl {
Interrupt::Interrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A shell without job control starts background jobs with SIGINT ignored; then it would never be
  // queued.
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  ::sigaction(SIGINT, &by_default, nullptr);
  signals_ = base::UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC));
  stop_ = base::UniqueFd(::eventfd(0, EFD_CLOEXEC));
  thread_ = base::Thread("interrupt", [this](const std::stop_token&) { Run(); });
}

Interrupt::~Interrupt() {
  eventfd_write(stop_.get(), 1);
  thread_.StopAndJoin();
}

bool Interrupt::requested() const {
  const base::MutexLock lock(mu_);
  return requested_;
}

bool Interrupt::AwaitSignal() const {
  pollfd fds[] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                  {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
  while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  if ((fds[1].revents & POLLIN) != 0) return false;
  signalfd_siginfo signal;
  return ::read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal);
}

void Interrupt::Run() {
  while (AwaitSignal()) {
    const base::MutexLock lock(mu_);
    if (requested_ || !cancel_) ::_exit(kExitInterrupted);
    requested_ = true;
    cancel_();
  }
}

Interrupt::Scope::Scope(Interrupt& interrupt, std::function<void()> cancel)
    : interrupt_(interrupt) {
  const base::MutexLock lock(interrupt_.mu_);
  interrupt_.cancel_ = std::move(cancel);
  if (interrupt_.requested_) interrupt_.cancel_();
}

Interrupt::Scope::~Scope() {
  const base::MutexLock lock(interrupt_.mu_);
  interrupt_.cancel_ = nullptr;
}

}  // namespace daemoneye::eyectl
