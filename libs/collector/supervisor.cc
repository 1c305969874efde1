#include "libs/collector/supervisor.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace daemoneye::collector {

using base::operator+;

Supervisor::Supervisor(const CollectorConfig& config, base::Clock& clock,
                       std::shared_ptr<Wake> wake, std::function<void()> on_telemetry)
    : config_(config),
      clock_(clock),
      wake_(std::move(wake)),
      on_telemetry_(std::move(on_telemetry)) {}

void Supervisor::Start() {
  thread_ = base::Thread("col-supervisor", [this](std::stop_token stop) { Loop(std::move(stop)); });
}

void Supervisor::AwaitSettled() {
  base::MutexLock lock(mu_);
  while (!has_settled_) settled_.Wait(mu_);
}

std::vector<std::string> Supervisor::Stop(base::Monotonic deadline) {
  {
    base::MutexLock lock(mu_);
    stop_deadline_ = deadline;
  }
  thread_.RequestStop();
  wake_->Signal();
  thread_.StopAndJoin();
  return std::move(left_behind_);
}

void Supervisor::Loop(std::stop_token stop) {
  for (auto& runner : runners_) runner->Start();
  const bool has_telemetry = config_.enable_telemetry && on_telemetry_;
  base::Monotonic telemetry_due = clock_.MonotonicNow() + config_.telemetry_interval;
  while (!stop.stop_requested()) {
    const base::Monotonic now = clock_.MonotonicNow();
    base::Monotonic next = StepAll(now);
    if (has_telemetry) {
      if (now >= telemetry_due) {
        on_telemetry_();
        telemetry_due = now + config_.telemetry_interval;
      }
      next = std::min(next, telemetry_due);
    }
    wake_->Await(next, clock_);
  }
  StopAll();
}

base::Monotonic Supervisor::StepAll(base::Monotonic now) {
  base::Monotonic next = base::Monotonic::max();
  bool has_settled = true;
  for (auto& runner : runners_) {
    next = std::min(next, runner->Step(now));
    has_settled = has_settled && runner->has_settled();
  }
  if (has_settled) {
    base::MutexLock lock(mu_);
    has_settled_ = true;
    settled_.NotifyAll();
  }
  return next;
}

void Supervisor::StopAll() {
  base::Monotonic deadline;
  {
    base::MutexLock lock(mu_);
    deadline = stop_deadline_;
    has_settled_ = true;
    settled_.NotifyAll();
  }
  for (auto& runner : runners_) runner->Stop(deadline);
  while (true) {
    const base::Monotonic next = StepAll(clock_.MonotonicNow());
    if (std::all_of(runners_.begin(), runners_.end(),
                    [](const auto& runner) { return runner->has_ended(); })) {
      break;
    }
    wake_->Await(std::min(next, deadline), clock_);
  }
  for (auto& runner : runners_) {
    std::string in_call;
    if (!runner->Retire(deadline, &in_call)) {
      left_behind_.push_back(fmt::format("{}: {}", runner->name(), in_call));
    }
  }
}

}  // namespace daemoneye::collector
