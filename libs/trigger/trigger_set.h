// TriggerSet: one generation of compiled triggers, and the evaluation of events against all of
// them.
//
// Threads:    compatible. May be compiled on one thread and then used on another.
// Ownership:  borrows the live tables it is bound to, which outlive it.
// Cost:       0.16 ms a trigger to compile (trigger_benchmark); evaluation: see trigger_engine.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"
#include "daemoneye/v1/trigger.pb.h"
#include "libs/trigger/live_tables.h"
#include "libs/trigger/refusal.h"

namespace daemoneye::trigger {

struct SetOptions {
  absl::Duration event_budget = absl::Milliseconds(5);
  absl::Duration window_budget = absl::Milliseconds(100);
  // Whether `processes` and `hash_baseline` follow the events. False in a back-test.
  bool updates_live_tables = true;
};

// A condition that held.
struct Hit {
  // Of the set, as in triggers().
  size_t trigger = 0;
  // The event; of a window, the last one that contributed (may be null where none did).
  const v1::CollectionEvent* event = nullptr;
  // Owns `event` where it is of a window.
  std::shared_ptr<const v1::CollectionEvent> window_event;
  std::vector<v1::Origin> evidence;
  std::string key;
  std::map<std::string, std::string> details;
  // An exception holds for it.
  bool is_excepted = false;
};

// What evaluating one trigger came to so far.
struct TriggerCost {
  uint64_t evaluated = 0;
  uint64_t errors = 0;
  // Among the errors: cut off by a guard.
  uint64_t cut_offs = 0;
  std::string last_error;
  absl::Duration cpu_time;
};

class TriggerSet {
 public:
  // Compiles the enabled ones of `triggers`. Those that cannot be are left out and added to
  // `refusals`.
  static std::unique_ptr<TriggerSet> Compile(
      std::span<const std::shared_ptr<const v1::Trigger>> triggers, const SetOptions& options,
      std::vector<Refusal>* refusals);
  // Reads, and where its options say so updates, `live` from now on; until then its tables are
  // empty.
  void Bind(LiveTables& live);

  ~TriggerSet();
  TriggerSet(const TriggerSet&) = delete;
  TriggerSet& operator=(const TriggerSet&) = delete;

  // Evaluates events in order, the live tables following each. Appends to *hits, ordered by
  // event and then by trigger: how events are batched never shows.
  void Evaluate(std::span<const v1::CollectionEvent* const> events, absl::Time now,
                std::vector<Hit>* hits);
  // Evaluates the windows that are due at `now`, a time of the wall clock. Appends to *hits.
  void EvaluateWindows(absl::Time now, std::vector<Hit>* hits);
  // Carries over what the windows of unchanged triggers hold. Before the first Evaluate.
  void TakeWindows(TriggerSet& from);

  // Whether the live tables follow the events from now on; before, as the options say.
  void UpdateLiveTables(bool updates);

  // Stops evaluating a trigger.
  void Suspend(size_t trigger);

  size_t size() const;
  const std::shared_ptr<const v1::Trigger>& definition(size_t trigger) const;
  const TriggerCost& cost(size_t trigger) const;
  // The SQL that is evaluated, whether the dispatch index can rule it out, whether it takes many
  // events at once, whether it reads live tables.
  const std::string& effective_sql(size_t trigger) const;
  bool is_indexed(size_t trigger) const;
  bool is_batched(size_t trigger) const;
  bool reads_live(size_t trigger) const;
  // Whether any trigger does.
  bool reads_live() const;

  size_t window_events() const;
  size_t window_bytes() const;
  uint64_t window_events_dropped() const;

 private:
  class Impl;
  explicit TriggerSet(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace daemoneye::trigger
