// TriggerRunner: the thread that feeds the gateway's log to the trigger engine.
//
// A cursor on the bus, every event of it: SAMPLE and the monitors' own processes included, which
// conditions leave out by themselves. Events are taken some milliseconds' worth at a time, since
// the engine is cheaper over many. What ran before is state of the bus and no event of the log: it
// is shown to the engine once a publisher, before the first of its events; a process that those
// events tell of is not shown twice. While the engine needs no events they are passed by, unparsed,
// and state that comes then is never shown.
//
// Lifecycle:  Start once; Stop, idempotent, evaluates what is in the log, for a moment at most, and
//             returns when no match can follow.
// Threads:    owns one. ShowState from any.
// Ownership:  borrows the bus, the engine and the clock, which outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/event_bus/event_bus.h"
#include "libs/logging/rate_limited.h"
#include "libs/trigger/trigger_engine.h"

namespace daemoneye::gateway {

struct TriggerRunnerOptions {
  // How long a few events wait for more.
  absl::Duration linger = absl::Milliseconds(5);
  // Fewer than this are a few.
  size_t worth_a_batch = 64;
  absl::Duration tick = absl::Seconds(1);
  // Publishers remembered, so that each one's state is shown once.
  size_t max_publishers = 10'000;
  // What the events that are left may take when the end is asked for.
  absl::Duration drain_time = absl::Milliseconds(200);
};

class TriggerRunner {
 public:
  TriggerRunner(event_bus::EventBus& bus, trigger::TriggerEngine& engine, base::Clock& clock,
                TriggerRunnerOptions options = {});
  ~TriggerRunner() { Stop(); }

  // Any error of Subscribe.
  absl::Status Start();
  void Stop();

  // Some publisher's state came to the bus: it is looked at soon.
  void ShowState();

 private:
  // A run of events of a batch, and the batch's parsed form, asked for once, and late: an old batch
  // makes it anew each time, and where nobody asks for them none are kept.
  struct ParsedSpan {
    event_bus::BatchSpan span;
    std::shared_ptr<const event::EventList> parsed;

    void Parse() {
      if (parsed == nullptr) parsed = span.batch->parsed();
    }

    uint32_t size() const { return span.count; }
    const v1::CollectionEvent& event(uint32_t i) const { return (*parsed)[span.first + i]; }
  };

  void Run(const std::stop_token& stop);
  // Everything that can be read now, lingering for more where it is little; at most until the next
  // tick, which endless events do not hold up.
  void Drain(const std::stop_token& stop, base::Monotonic next_tick);
  // What is in the log when the end is asked for.
  void DrainBefore(base::Monotonic deadline);
  // Reads once into `spans`; false when there is nothing more.
  bool Poll(std::vector<ParsedSpan>* spans, size_t& events);
  // Shows what was read to the engine, if it needs it, and before it the state of publishers that
  // are new in it.
  void Process(std::vector<ParsedSpan> spans);
  // Shows the state behind `spans`, which were read but not shown, and then them.
  void ProcessState(std::vector<ParsedSpan> spans);
  void ShowNew(const event_bus::StateSnapshot& snapshot, const std::vector<ParsedSpan>& spans);
  // Takes the state's publishers for shown.
  void PassBy(const event_bus::StateSnapshot& snapshot);
  void Remember(std::set<std::string> publishers);
  void Show(const std::vector<ParsedSpan>& spans);
  bool HasNewPublisher(const std::vector<ParsedSpan>& spans) const;
  // Waits for events, state, the next tick or the end.
  void Wait(const std::stop_token& stop, base::Monotonic until);
  void Wake();

  event_bus::EventBus& bus_;
  trigger::TriggerEngine& engine_;
  base::Clock& clock_;
  const TriggerRunnerOptions options_;
  logging::RateLimited missed_log_;
  std::set<std::string> shown_publishers_;  // the thread's

  base::Mutex mu_;
  base::CondVar changed_;
  bool has_events_ GUARDED_BY(mu_) = false;
  bool has_state_ GUARDED_BY(mu_) = true;

  std::unique_ptr<event_bus::Subscription> subscription_;
  base::Thread thread_;  // last: stops before the rest goes
};

}  // namespace daemoneye::gateway
