// TriggerEngine: what happens to each event of the merged stream: condition, exceptions, mute, rate
// limit, deduplication, queue, hand-over.
//
// Events come in in the order of the stream. A match that is accepted waits in one bounded queue
// with four priorities until the sink takes it; what is not accepted is counted by cause. The same
// definitions, run over stored events, find the same matches (BackTest).
//
// Lifecycle:  Apply a generation of definitions, at any time; Process batches; Tick every second.
// Threads:    no thread of its own. Process and Tick from one thread at a time; all else from any,
//             in turns with the pieces of a batch, which take about 50 ms at most each.
// Ownership:  borrows the sink and the clock, which outlive it.
// Cost:       1.2 µs an event at 100 typical triggers, 3 at 1,000, of which 0.35 for the live
//             tables (trigger_benchmark); nothing while needs_events() is false.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"
#include "daemoneye/v1/trigger.pb.h"
#include "daemoneye/v1/trigger_service.pb.h"
#include "libs/base/clock.h"
#include "libs/trigger/cost_watch.h"
#include "libs/trigger/live_tables.h"
#include "libs/trigger/refusal.h"
#include "libs/trigger/trigger_match.h"

namespace daemoneye::trigger {

// One generation of definitions, checked and applied as a whole.
struct Definitions {
  std::vector<v1::Trigger> triggers;
  Lists lists;
  std::vector<BaselineHash> baseline;
};

// Why a trigger's matches were told to nobody: at most one a minute, trigger and host.
struct RateLimitNotice {
  std::shared_ptr<const v1::Trigger> trigger;
  // Host and monitor whose rate was exceeded; empty: the trigger's own.
  std::string collector;
  // The first match that was not accepted.
  std::shared_ptr<const v1::CollectionEvent> event;
  uint32_t limit_per_minute = 0;
};

// Where accepted matches go. Called by the thread of Process and Tick, with no lock held.
class MatchSink {
 public:
  virtual ~MatchSink() = default;

  // Takes a match over. False: its target cannot have it now; it stays queued and is offered again
  // at the next Tick, until the trigger's request_timeout has passed.
  virtual bool OnMatch(const TriggerMatch& match) = 0;
  // A match that no target took in time. It is gone.
  virtual void OnTimeout(const TriggerMatch& match) = 0;
  // To be raised as an alert of its own.
  virtual void OnRateLimited(const RateLimitNotice& notice) = 0;
  // A trigger kept exceeding its budget and was stopped, until its condition changes or it is
  // turned off and on again.
  virtual void OnSuspended(const std::string& trigger_id, const std::string& reason) = 0;
};

struct EngineOptions {
  size_t max_triggers = 10'000;
  size_t queue_capacity = 1'000;
  // Accepted matches of one collector (host and monitor) in 60 s, all triggers together.
  uint32_t collector_rate_per_minute = 100;
  // Of a trigger that does not say.
  uint32_t trigger_rate_per_minute = 100;
  // Of both rates, what only CRITICAL may use.
  uint32_t critical_reserve = 20;
  absl::Duration dedup_window = absl::Seconds(300);
  absl::Duration request_timeout = absl::Seconds(30);
  uint32_t max_depth = 3;
  size_t max_dedup_entries = 100'000;
  // CPU time of one evaluation of a statement over one event, and over a window.
  absl::Duration event_budget = absl::Milliseconds(5);
  absl::Duration window_budget = absl::Milliseconds(100);
  // What suspends a trigger that keeps exceeding it.
  CostLimits cost_limits;
  // What the processes are that live, and those that ended lately, as who keeps them tells: in
  // order, asked where `processes` is to be read and the events were not followed. Without it they
  // always are.
  std::function<std::vector<v1::CollectionEvent>()> state;
  // How long they are followed for whom reads the live tables beside the triggers.
  absl::Duration keep_following = absl::Minutes(10);
};

struct QueueStatistics {
  size_t depth = 0;
  size_t capacity = 0;
  // By priority.
  std::map<std::string, uint64_t> dropped;
  uint64_t timed_out = 0;
};

// What is bounded, and how full it is.
struct EngineGauges {
  size_t triggers = 0;
  size_t suspended = 0;
  size_t processes = 0;
  size_t process_bytes = 0;
  uint64_t processes_evicted = 0;
  size_t baseline_rows = 0;
  uint64_t baseline_refused = 0;
  size_t window_events = 0;
  size_t window_bytes = 0;
  uint64_t window_events_dropped = 0;
  size_t dedup_entries = 0;
};

// Stored events for a back-test, in the order of the stream: fills `batch`; an empty one is the
// end.
using EventReader = std::function<absl::Status(std::vector<v1::CollectionEvent>* batch)>;

struct BackTestOptions {
  size_t max_matches = 100;
  absl::Duration timeout = absl::Seconds(30);
};

class TriggerEngine {
 public:
  TriggerEngine(const EngineOptions& options, MatchSink& sink, base::Clock& clock);
  ~TriggerEngine();
  TriggerEngine(const TriggerEngine&) = delete;
  TriggerEngine& operator=(const TriggerEngine&) = delete;

  // Makes `definitions` what is evaluated from the next batch on: all of them or, where one is
  // refused, none. What a trigger that did not change has counted, muted and deduplicated stays.
  // Compiles on the calling thread, beside Process. Returns the refusals; empty: applied.
  std::vector<Refusal> Apply(Definitions definitions);

  // False while nothing comes of Process: no trigger is in force and nobody reads the live tables.
  // An event that is published after Apply returned is to be shown if this is true then.
  bool needs_events() const;

  // Evaluates events, and hands what is accepted to the sink.
  void Process(std::span<const v1::CollectionEvent* const> events);
  // Evaluates windows that are due, offers what is queued again, sweeps what waited too long.
  void Tick();

  // Tells the sink of all that is queued as of what no target took in time: before the end.
  void GiveUpQueued();

  // Has `processes` forget those of a monitor that none of `streams` tells of: the monitor began
  // again, its state was processed, and what is not in it ended meanwhile. How many.
  size_t ForgetUntold(const std::string& host, const std::string& monitor,
                      const std::set<std::string>& streams);

  // Counts events that went past before they could be processed.
  void CountMissed(uint64_t events);

  // Whether Apply would take `trigger`, what its SQL is, and what its tests say.
  v1::ValidateTriggerResponse Validate(const v1::Trigger& trigger) const;

  // What `trigger` would have matched: the evaluation of Process without its effects. Live tables
  // are as they are now. InvalidArgument when Validate refuses it; the reader's own error. Blocks.
  absl::StatusOr<v1::BackTestTriggerResponse> BackTest(const v1::Trigger& trigger,
                                                       const EventReader& next,
                                                       const BackTestOptions& options) const;

  // Shows `read` the live tables, which stand still meanwhile: nothing is evaluated until it
  // returns, so it takes what it needs a piece at a time. They follow the events for
  // keep_following from then on.
  void ReadLive(const std::function<void(const LiveTables&)>& read) const;

  // Of these triggers, by id; empty: of all.
  std::vector<v1::TriggerStatistics> Statistics(const std::vector<std::string>& ids = {}) const;
  QueueStatistics Queue() const;
  EngineGauges Gauges() const;
  uint64_t missed_events() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace daemoneye::trigger
