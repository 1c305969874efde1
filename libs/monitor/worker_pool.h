// WorkerPool: a few threads for what may block, behind a bounded queue.
//
// Lifecycle:  Stop ends it: what runs is finished, what is queued is run, too, so that everybody
//             who was accepted is answered.
// Threads:    owns them; Submit from any.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "libs/base/bounded_queue.h"
#include "libs/base/clock.h"
#include "libs/base/thread.h"

namespace daemoneye::monitor {

class WorkerPool {
 public:
  using Work = std::function<void()>;

  WorkerPool(const std::string& name, size_t threads, size_t queue_capacity, base::Clock& clock);
  ~WorkerPool() { Stop(); }

  // False, with `work` untouched, when the queue is full or the pool stopped.
  bool Submit(Work work);

  // Returns when all work that was accepted has ended. Idempotent; not from a worker.
  void Stop();

  size_t queue_length() const { return queue_.weight(); }
  size_t queue_capacity() const { return queue_.capacity(); }

 private:
  void Run();

  base::BoundedQueue<Work> queue_;
  std::vector<base::Thread> threads_;
};

}  // namespace daemoneye::monitor
