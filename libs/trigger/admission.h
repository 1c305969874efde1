// Admission: what becomes of a match: depth, mute, rate limit, deduplication, queue, in this order.
//
// A rate and a duplicate are recorded only when the match is accepted, so a match that was rate
// limited is not held back later as a duplicate. What a trigger counted stays with its id over
// generations, as long as its definition does.
//
// Threads: compatible.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/base/clock.h"
#include "libs/base/rate_window.h"
#include "libs/trigger/deduplicator.h"
#include "libs/trigger/request_queue.h"
#include "libs/trigger/trigger_engine.h"

namespace daemoneye::trigger {

// What is kept of a trigger.
struct TriggerRecord {
  std::shared_ptr<const v1::Trigger> definition;
  v1::TriggerStatistics statistics;
  base::RateWindow rate;
  std::optional<base::Monotonic> rate_notice_at;
};

class Admission {
 public:
  Admission(const EngineOptions& options, base::Clock& clock);

  // Decides on a match of `record` that no exception took out. Appends what is to be told about
  // rates to *notices. Returns the trigger whose queued match made room for it, if one did.
  std::optional<std::string> Admit(TriggerMatch match, TriggerRecord& record,
                                   std::vector<RateLimitNotice>* notices);

  RequestQueue& queue() { return queue_; }
  const RequestQueue& queue() const { return queue_; }
  // Forgets what was accepted of a trigger that changed or went.
  void Forget(const std::string& trigger_id);
  size_t dedup_entries() const { return accepted_.size(); }

 private:
  struct CollectorRate {
    base::RateWindow rate;
    std::optional<base::Monotonic> notice_at;
    base::Monotonic used_at;
  };
  static constexpr size_t kMaxCollectors = 4096;

  CollectorRate& CollectorOf(const v1::CollectionEvent& event, base::Monotonic now,
                             std::string* name);
  bool IsRateLimited(const TriggerMatch& match, TriggerRecord& record, CollectorRate& collector,
                     const std::string& collector_name, base::Monotonic now,
                     std::vector<RateLimitNotice>* notices);

  const EngineOptions options_;
  base::Clock& clock_;
  Deduplicator accepted_;
  RequestQueue queue_;
  absl::flat_hash_map<std::string, CollectorRate> collectors_;
};

}  // namespace daemoneye::trigger
