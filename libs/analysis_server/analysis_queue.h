// AnalysisQueue: takes requests, and has so many of them analysed at once, the urgent ones first.
//
// Every request that was submitted is answered once, at its deadline at the latest, whatever the
// analysis does. When the queue is full a more urgent request takes the place of the least urgent.
//
// Lifecycle:  Stop ends it: what waits and what runs is answered as Unavailable.
// Threads:    owns max_concurrent, "analyze-N"; methods from any. `done` is called on any, that of
//             who calls Submit or Cancel included; it is quick and calls nothing of the queue.
// Ownership:  borrows analysis, loop and clock, which outlive it.
// Bounds:     max_queue waiting, max_rate in 60 s, max_duration each.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/analysis_server/analysis.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/rate_window.h"
#include "libs/base/thread.h"
#include "libs/monitor/stream_loop.h"

namespace daemoneye::analysis_server {

struct AnalysisLimits {
  uint32_t max_concurrent = 10;
  uint32_t max_queue = 1'000;
  // Requests in 60 s; 0: any.
  uint32_t max_rate_per_minute = 0;
  absl::Duration max_duration = absl::Seconds(30);
};

struct AnalysisAnswer {
  absl::StatusOr<v1::AnalysisResult> result;
  // With ResourceExhausted, where waiting helps.
  std::optional<absl::Duration> retry_after = std::nullopt;
};

struct AnalysisStatistics {
  size_t queued = 0;
  size_t running = 0;
  uint64_t refused_rate = 0;
  uint64_t refused_queue = 0;
  // Queued ones that gave way to a more urgent one.
  uint64_t shed = 0;
};

class AnalysisQueue {
 public:
  using Done = std::function<void(AnalysisAnswer)>;
  class Job;

  AnalysisQueue(Analysis& analysis, const AnalysisLimits& limits, monitor::StreamLoop& loop,
                base::Clock& clock);
  ~AnalysisQueue();

  // Takes `request`, for which its caller waits until `deadline`. The job is for Cancel.
  std::shared_ptr<Job> Submit(v1::AnalyzeRequest request, base::Monotonic deadline, Done done);
  // Nobody waits any more. Answers as Cancelled what is not answered yet.
  void Cancel(const std::shared_ptr<Job>& job);

  // DeadlineExceeded: an analysis did not end within `patience`; then neither may what it uses.
  absl::Status Stop(absl::Duration patience);

  AnalysisStatistics statistics() const;
  const AnalysisLimits& limits() const { return limits_; }

 private:
  class Timer;
  // The more urgent first, then the older.
  using Place = std::pair<int, uint64_t>;

  // Whether there is room for `job`; else why not. `shed` is what gives way to it.
  std::optional<AnalysisAnswer> AdmitLocked(const Job& job, std::shared_ptr<Job>* shed)
      REQUIRES(mu_);
  void ForgetLocked(const Job& job) REQUIRES(mu_);
  // Answers `job` unless somebody has.
  void Answer(const std::shared_ptr<Job>& job, AnalysisAnswer answer);
  void Work();
  base::Monotonic Expire();

  Analysis& analysis_;
  const AnalysisLimits limits_;
  monitor::StreamLoop& loop_;
  base::Clock& clock_;
  mutable base::Mutex mu_;
  base::CondVar changed_;
  bool is_stopped_ GUARDED_BY(mu_) = false;
  uint64_t next_number_ GUARDED_BY(mu_) = 0;
  std::map<Place, std::shared_ptr<Job>> queued_ GUARDED_BY(mu_);
  // Not answered yet, queued or running.
  std::map<std::pair<base::Monotonic, uint64_t>, std::shared_ptr<Job>> open_ GUARDED_BY(mu_);
  base::RateWindow rate_ GUARDED_BY(mu_);
  AnalysisStatistics statistics_ GUARDED_BY(mu_);
  std::shared_ptr<Timer> timer_;
  monitor::StreamLoop::Id timer_id_ = 0;
  std::vector<base::Thread> workers_;
};

}  // namespace daemoneye::analysis_server
