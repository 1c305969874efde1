// MatchDispatch: where the engine's accepted matches go: a trigger_request on the bus, and an alert
// or, of a trigger that names an analyzer or a workflow, an execution, which ends in an alert where
// there is need.
//
// A match that no execution can be started for is told by its trigger's alert, which says so: what
// was accepted is never lost.
//
// Threads:    the engine's.
// Ownership:  borrows the bus and the clock, which outlive it; `raise` and `completeness` are quick
//             and may be called from the engine's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "libs/alerting/alert_draft.h"
#include "libs/base/clock.h"
#include "libs/event_bus/event_bus.h"
#include "libs/logging/rate_limited.h"
#include "libs/trigger/trigger_engine.h"

namespace daemoneye::gateway {

struct MatchDispatchPorts {
  event_bus::EventBus& bus;
  base::Clock& clock;
  std::function<void(alerting::AlertDraft)> raise;
  // Whether what was seen so far is whole.
  std::function<v1::Completeness()> completeness;
  // Starts what the trigger of a match names. ResourceExhausted: there is no room now; any other
  // error: it cannot be started. Empty: nothing can.
  std::function<absl::Status(const trigger::TriggerMatch&)> start = {};
  // A trigger was suspended: health is looked at again.
  std::function<void()> on_problem;
};

class MatchDispatch final : public trigger::MatchSink {
 public:
  explicit MatchDispatch(MatchDispatchPorts ports);

  bool OnMatch(const trigger::TriggerMatch& match) override;
  void OnTimeout(const trigger::TriggerMatch& match) override;
  void OnRateLimited(const trigger::RateLimitNotice& notice) override;
  void OnSuspended(const std::string& trigger_id, const std::string& reason) override;

  // Events that were added to the log. Any thread.
  uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }

 private:
  void PublishRequest(const trigger::TriggerMatch& match);
  // The trigger's own alert, for want of what it names.
  void RaiseWithout(const trigger::TriggerMatch& match, std::string why);

  const MatchDispatchPorts ports_;
  logging::RateLimited timeout_log_;
  std::atomic<uint64_t> requests_ = 0;
};

// The event that tells of a match; without an origin, which the bus gives it.
v1::CollectionEvent RequestEvent(const trigger::TriggerMatch& match, absl::Time now);

// The alert of a match.
alerting::AlertDraft DraftOf(const trigger::TriggerMatch& match, v1::Completeness completeness);

}  // namespace daemoneye::gateway
