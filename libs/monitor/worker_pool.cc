#include "libs/monitor/worker_pool.h"

#include <utility>

namespace daemoneye::monitor {

WorkerPool::WorkerPool(const std::string& name, size_t threads, size_t queue_capacity,
                       base::Clock& clock)
    : queue_(queue_capacity, clock) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back(name, [this](std::stop_token) { Run(); });
  }
}

bool WorkerPool::Submit(Work work) { return queue_.TryPush(work); }

void WorkerPool::Stop() {
  queue_.Close();
  threads_.clear();
}

void WorkerPool::Run() {
  while (std::optional<Work> work = queue_.PopBefore(base::Monotonic::max())) (*work)();
}

}  // namespace daemoneye::monitor
