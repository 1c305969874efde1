// Supervisor: the thread that drives every source's lifecycle, and telemetry.
//
// Lifecycle:  Add each runner, Start, Stop.
// Threads:    owns one. AwaitSettled and Stop from any other, runners() from any after Start.
// Ownership:  owns the runners; borrows the config and the clock.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/collector/collector_config.h"
#include "libs/collector/source_runner.h"

namespace daemoneye::collector {

class Supervisor {
 public:
  // `on_telemetry` is called every telemetry_interval, when it is enabled and set.
  Supervisor(const CollectorConfig& config, base::Clock& clock, std::shared_ptr<Wake> wake,
             std::function<void()> on_telemetry);

  void Add(std::unique_ptr<SourceRunner> runner) { runners_.push_back(std::move(runner)); }
  const std::vector<std::unique_ptr<SourceRunner>>& runners() const { return runners_; }

  void Start();
  // Blocks until each source's first Start gave an answer or is overdue.
  void AwaitSettled();
  // Stops all sources beside each other, each until `deadline`. Returns "name: call" of each that
  // was left behind.
  std::vector<std::string> Stop(base::Monotonic deadline);

 private:
  void Loop(std::stop_token stop);
  // Steps each runner; returns when the next one wants it.
  base::Monotonic StepAll(base::Monotonic now);
  void StopAll();

  const CollectorConfig& config_;
  base::Clock& clock_;
  const std::shared_ptr<Wake> wake_;
  const std::function<void()> on_telemetry_;
  std::vector<std::unique_ptr<SourceRunner>> runners_;
  base::Mutex mu_;
  base::CondVar settled_;
  bool has_settled_ GUARDED_BY(mu_) = false;
  base::Monotonic stop_deadline_ GUARDED_BY(mu_);
  std::vector<std::string> left_behind_;  // written by the thread, read once it is joined
  base::Thread thread_;
};

}  // namespace daemoneye::collector
