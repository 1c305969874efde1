// Thread: a named thread that is asked to stop and joined by its destructor.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <thread>

namespace daemoneye::base {

class Thread {
 public:
  Thread() = default;
  // Runs `body` on a new thread named `name` (the kernel keeps 15 bytes), with all signals blocked:
  // signals belong to the main thread.
  Thread(const std::string& name, std::function<void(std::stop_token)> body);
  Thread(Thread&&) = default;
  // Stops and joins what ran before.
  Thread& operator=(Thread&&) = default;

  bool joinable() const { return thread_.joinable(); }
  void RequestStop() { thread_.request_stop(); }
  // Asks to stop and waits for the end. Idempotent; must not be called by the thread itself.
  void StopAndJoin();

 private:
  std::jthread thread_;
};

}  // namespace daemoneye::base
