// SourceRunner: the lifecycle of one event source.
//
//   Created -> Starting -> Running -> Stopping -> Stopped
//                 ^  \        |           |
//                 |   Degraded            Failed
//                 +--- backoff (n x 1 s, at most 60 s) after a failure; Degraded from the 5th in a
//                      row, and while a call is overdue; Failed at PermissionDenied, Unimplemented
//
// It decides and never blocks: calls of the source run on two CallThreads, one for Start and Stop,
// one for HealthCheck and Refresh, and their answers wake the supervisor, which calls Step.
//
// Threads:    Probe from any, all else from the supervisor's.
// Ownership:  borrows the config and the clock; shares the rest with the calls under way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/collector/call_thread.h"
#include "libs/collector/collector_config.h"
#include "libs/collector/health_tracker.h"
#include "libs/collector/source_handle.h"

namespace daemoneye::collector {

inline constexpr uint32_t kFailuresToDegraded = 5;
inline constexpr absl::Duration kMaxRestartDelay = absl::Seconds(60);
inline constexpr absl::Duration kHealthCheckTimeout = absl::Seconds(10);

// The pause after the n-th failure in a row.
absl::Duration RestartDelay(uint32_t failures);

class SourceRunner {
 public:
  // What calls under way share with the runner.
  struct Shared {
    std::shared_ptr<SourceHandle> handle;
    std::shared_ptr<HealthTracker> tracker;
    std::shared_ptr<Wake> wake;
  };

  SourceRunner(Shared shared, size_t number, const CollectorConfig& config, base::Clock& clock);

  void Start();
  // Acts on what returned and on what is due. Returns when it wants to be called again, if nothing
  // wakes the supervisor before.
  base::Monotonic Step(base::Monotonic now);
  // Begins to stop; Step goes on with it. A call that is overdue is not waited for.
  void Stop(base::Monotonic deadline);

  // True when the first Start gave an answer, or is overdue.
  bool has_settled() const { return has_settled_; }
  // True when nothing of the source will be waited for any more.
  bool has_ended() const { return phase_ == Phase::kEnded; }

  // Shuts the sink and ends the threads. What does not return until `deadline` is left behind:
  // false, and *in_call names the call.
  bool Retire(base::Monotonic deadline, std::string* in_call);

  // Has `call` made with the source's handle on the thread for HealthCheck and Refresh. False when
  // the source does not run or too many wait; `call` will then not be made.
  bool Probe(std::function<void(SourceHandle&)> call);
  // Probes its health; then `done` is called, with OK and nothing else if the run ended meanwhile.
  bool CheckHealth(std::function<void(const SourceHealth&)> done);

  const std::string& name() const { return name_; }

 private:
  enum class Phase { kIdle, kStarting, kRunning, kStopping, kBackoff, kEnded };
  enum class After { kRestart, kFail, kStop };

  // The answer of a call, filled in by its thread.
  struct Answer {
    base::Mutex mu;
    std::optional<absl::Status> status GUARDED_BY(mu);
    std::string limits GUARDED_BY(mu);  // of a health check
  };
  struct PendingCall {
    std::string what;
    std::shared_ptr<Answer> answer;
    base::Monotonic deadline;
    absl::Duration timeout;
    bool is_overdue = false;
  };

  // Posts `call` to the lifecycle thread and waits for its answer in Step.
  void PostLifecycle(std::string what, absl::Duration timeout,
                     std::function<absl::Status(SourceHandle&)> call);
  void BeginStart();
  void BeginStop(After after, absl::Duration timeout);
  void OnStarted(const absl::Status& status);
  void OnStopped();
  void OnFailure(absl::Status status);
  void ScheduleRestart();
  void End(SourceState state, std::string detail);

  // True when `call` has its answer; at its deadline it is marked overdue.
  bool StepCall(PendingCall& call, base::Monotonic now);
  void StepLifecycle(base::Monotonic now);
  void StepHealth(base::Monotonic now);
  base::Monotonic NextStep(base::Monotonic now) const;
  void Report(SourceState state, bool is_running, std::string detail);

  const Shared shared_;
  const size_t number_;
  const std::string name_;
  const CollectorConfig& config_;
  base::Clock& clock_;
  CallThread lifecycle_thread_;
  CallThread probe_thread_;

  Phase phase_ = Phase::kIdle;
  std::optional<PendingCall> lifecycle_call_;
  std::optional<PendingCall> health_call_;
  After after_stop_ = After::kStop;
  bool is_stopping_ = false;
  bool has_settled_ = false;
  base::Monotonic stop_deadline_;
  base::Monotonic retry_at_;
  base::Monotonic health_due_;
  absl::Status last_error_;
  HealthTracker::Report report_;  // the last one
  uint64_t starts_ = 0;
  uint32_t failures_ = 0;
};

}  // namespace daemoneye::collector
