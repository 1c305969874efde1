// SightProof: proves again and again that a live source sees, since one that is blind is silent.
//
// Every interval (a) the tasks that the source counted are held against the kernel's own count, and
// (b) a canary is started whose EXEC has to come back through the monitor's own stream. Two misses
// in a row of either, and the source is not to be trusted. What can be explained is no miss: forks
// between two readings, a canary that went with records which the source says it lost.
//
// Lifecycle:  Prove, Start, Stop in turn, any number of times.
// Threads:    owns one, "sight-proof"; statistics from any, the others from one at a time. So are
//             the inputs called, `counts` from any.
// Ownership:  borrows the line and the clock, which outlive it.
// Cost:       a process of some 100 µs and a few readings of /proc/stat an interval.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/sources/process/canary_line.h"
#include "libs/sources/process/fork_check.h"

namespace daemoneye::process {

struct SightProofOptions {
  absl::Duration interval = absl::Seconds(5);
  // Of a canary; two of them and two intervals are less than the 15 s in which a source that went
  // blind has to be known.
  absl::Duration canary_patience = absl::Seconds(3);
  int misses_to_distrust = 2;
  // A task is counted by the kernel a moment before the source is called.
  int recounts = 5;
  absl::Duration recount_pause = absl::Milliseconds(20);
};

// What a live source says of itself.
struct SightCounts {
  // Tasks that began since it was started, as `processes` of /proc/stat counts them; absent: it
  // does not count them.
  std::optional<uint64_t> task_count;
  // Records that it knows it lost.
  uint64_t lost_count = 0;
};

struct SightInputs {
  // The source's name.
  std::string source;
  // nullopt: it does not run.
  std::function<std::optional<SightCounts>()> counts;
  // `processes` of /proc/stat.
  std::function<std::optional<uint64_t>()> kernel_tasks;
  CanaryLine& line;
  // How long a canary took, from its start until it came back; may be empty.
  std::function<void(absl::Duration)> on_canary;
  // The source missed something, so what is known should be looked through; may be empty.
  std::function<void()> on_unseen;
};

struct SightStatistics {
  uint64_t canaries = 0;
  uint64_t canary_misses = 0;
  uint64_t mismatches = 0;
  // Tasks that the source saw, over all its runs.
  uint64_t tasks_seen = 0;
};

class SightProof {
 public:
  SightProof(const SightProofOptions& options, SightInputs inputs, base::Clock& clock);
  ~SightProof();

  // Sends canaries until one comes back; Unavailable: none of misses_to_distrust did. OK where
  // there are no canaries.
  absl::Status Prove();

  // What it finds, from its thread, which calls each without a lock and ends behind `distrust`.
  struct Findings {
    // Unavailable, with what was seen.
    std::function<void(absl::Status)> distrust;
    // The source did not see so many tasks at least, and does not know.
    std::function<void(uint64_t)> unseen;
  };
  void Start(Findings findings);
  // Returns when no call of Findings can follow. Idempotent.
  void Stop();

  SightStatistics statistics();

 private:
  // What awaits a canary shares with the stream that wakes it.
  struct Wake {
    base::Mutex mu;
    base::CondVar cv;
    bool is_woken GUARDED_BY(mu) = false;
    bool is_stopped GUARDED_BY(mu) = false;
    void Signal();
  };
  // Misses in a row.
  struct Row {
    int misses = 0;
    base::Monotonic since;
    uint64_t begun_count = 0;
    uint64_t seen_count = 0;
  };
  enum class Flight { kSeen, kMissed, kUnknown };

  void Run(const std::stop_token& stop, const Findings& findings);
  // What the source did not see since the last count, told.
  std::optional<ForkCheck::Result> CountForks(const Findings& findings);
  absl::Status CheckForks(const Findings& findings);
  absl::Status CheckCanary();
  Flight SendCanary();
  Flight AwaitCanary(CanaryWatch& watch, uint32_t pid, base::Monotonic deadline);
  // Waits until then; false: stopped.
  bool SleepUntil(base::Monotonic then);

  const SightProofOptions options_;
  const SightInputs inputs_;
  base::Clock& clock_;
  const std::shared_ptr<Wake> wake_;
  ForkCheck forks_;
  Row fork_row_;
  Row canary_row_;

  base::Mutex mu_;
  SightStatistics statistics_ GUARDED_BY(mu_);
  uint64_t tasks_noted_ GUARDED_BY(mu_) = 0;  // of this run

  base::Thread thread_;
};

}  // namespace daemoneye::process
