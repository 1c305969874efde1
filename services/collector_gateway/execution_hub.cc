#include "services/collector_gateway/execution_hub.h"

#include <algorithm>

#include "daemoneye/v1/workflow_service.pb.h"
#include "services/collector_gateway/execution_view.h"

namespace daemoneye::gateway {

using base::MutexLock;

void ExecutionHub::OnChange(const analysis::ExecutionPtr& execution) {
  MutexLock lock(mu_);
  ++changes_;
  changed_.NotifyAll();
  const auto watched = watched_.find(execution->id());
  if (watched == watched_.end()) return;
  for (const monitor::StreamLoop::Id stream : watched->second.streams) loop_.Wake(stream);
}

void ExecutionHub::Watch(const std::string& id, monitor::StreamLoop::Id stream) {
  MutexLock lock(mu_);
  watched_[id].streams.push_back(stream);
}

void ExecutionHub::Unwatch(const std::string& id, monitor::StreamLoop::Id stream) {
  MutexLock lock(mu_);
  const auto watched = watched_.find(id);
  if (watched == watched_.end()) return;
  std::erase(watched->second.streams, stream);
  if (watched->second.streams.empty()) watched_.erase(watched);
}

std::shared_ptr<const std::string> ExecutionHub::MessageOf(
    const analysis::ExecutionPtr& execution) {
  {
    MutexLock lock(mu_);
    const auto watched = watched_.find(execution->id());
    if (watched != watched_.end() && watched->second.execution == execution) {
      return watched->second.message;
    }
  }
  v1::WatchExecutionResponse response;
  *response.mutable_execution() = FitMessage(*execution);
  auto message = std::make_shared<const std::string>(response.SerializeAsString());
  MutexLock lock(mu_);
  const auto watched = watched_.find(execution->id());
  if (watched != watched_.end()) {
    watched->second.execution = execution;
    watched->second.message = message;
  }
  return message;
}

uint64_t ExecutionHub::changes() const {
  MutexLock lock(mu_);
  return changes_;
}

bool ExecutionHub::AwaitChange(uint64_t seen, base::Monotonic deadline) {
  MutexLock lock(mu_);
  while (changes_ <= seen && !is_stopped_) {
    if (clock_.MonotonicNow() >= deadline) return false;
    clock_.WaitUntil(changed_, mu_, deadline);
  }
  return !is_stopped_;
}

void ExecutionHub::Stop() {
  MutexLock lock(mu_);
  is_stopped_ = true;
  changed_.NotifyAll();
}

}  // namespace daemoneye::gateway
