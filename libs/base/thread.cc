#include "libs/base/thread.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace daemoneye::base {

Thread::Thread(const std::string& name, std::function<void(std::stop_token)> body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the new thread
  thread_ = std::jthread([name, body = std::move(body)](std::stop_token stop) {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    body(std::move(stop));
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Thread::StopAndJoin() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

}  // namespace daemoneye::base
