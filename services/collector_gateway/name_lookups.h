// NameLookups: keeps asking a resolver for the addresses of names.
//
// A resolver blocks, for many seconds where the name server is dead, and cannot be called off. So
// each name is asked for on a thread of its own: a name without an answer holds up neither the
// others nor Stop, which leaves such a call behind.
//
// Lifecycle:  Start once, Stop any number of times.
// Threads:    owns one, which calls on_answer, and one a name.
// Ownership:  borrows the clock, which outlives it. The resolver is shared with calls left behind.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/collector/call_thread.h"
#include "services/collector_gateway/monitor_address.h"

namespace daemoneye::gateway {

class NameLookups {
 public:
  using Answer = absl::StatusOr<std::vector<std::string>>;
  using Resolver = std::function<Answer(const MonitorAddress&)>;
  using OnAnswer = std::function<void(const MonitorAddress&, Answer)>;

  // Each name is asked for every `interval`, unless its last call still runs.
  NameLookups(std::vector<MonitorAddress> names, Resolver resolver, absl::Duration interval,
              base::Clock& clock, OnAnswer on_answer);
  ~NameLookups() { Stop(); }

  void Start();
  // No on_answer follows. Waits for one that runs, never for a resolver.
  void Stop();

 private:
  // Shared with calls that are left behind.
  struct Inbox {
    base::Mutex mu;
    base::CondVar changed;
    std::vector<std::pair<size_t, Answer>> answers GUARDED_BY(mu);
    std::vector<bool> is_asked GUARDED_BY(mu);  // by name
  };

  void Run(const std::stop_token& stop);
  void AskAll();
  // What was answered; empty at `deadline`, and when asked to stop.
  std::vector<std::pair<size_t, Answer>> AwaitAnswers(const std::stop_token& stop,
                                                      base::Monotonic deadline);

  const std::vector<MonitorAddress> names_;
  const Resolver resolver_;
  const absl::Duration interval_;
  base::Clock& clock_;
  const OnAnswer on_answer_;

  const std::shared_ptr<Inbox> inbox_;
  std::vector<std::unique_ptr<collector::CallThread>> calls_;  // by name
  base::Thread thread_;
};

}  // namespace daemoneye::gateway
