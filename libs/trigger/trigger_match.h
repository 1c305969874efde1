// TriggerMatch: a trigger's condition that held for an event, or for a window of events.
//
// Threads: immutable once made; any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"
#include "daemoneye/v1/trigger.pb.h"

namespace daemoneye::trigger {

// Most origins that stand behind one match.
inline constexpr size_t kMaxEvidence = 16;

struct TriggerMatch {
  // As it was defined when it matched.
  std::shared_ptr<const v1::Trigger> trigger;
  // The event; of a window, the last one that contributed.
  std::shared_ptr<const v1::CollectionEvent> event;
  // Every event that contributed, ≤ kMaxEvidence; the event itself comes first.
  std::vector<v1::Origin> evidence;
  // The value of the condition's `key`; empty without a window.
  std::string key;
  // What the statement returned, column → text; only of a statement that names its columns.
  std::map<std::string, std::string> details;
  // Triggers that stand between this match and an event that no trigger caused; 0 for the first.
  uint32_t depth = 0;
  // Matches like it that were held back as duplicates since the last one that was accepted.
  uint64_t suppressed = 0;
  absl::Time matched_at;
};

// How long alerts like one of `trigger` are held back.
absl::Duration DedupWindowOf(const v1::Trigger& trigger);

// The match as what goes on the bus: whom it asks, about what, and `depth`.
v1::TriggerRequest MakeRequest(const TriggerMatch& match);

}  // namespace daemoneye::trigger
