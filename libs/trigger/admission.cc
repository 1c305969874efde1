#include "libs/trigger/admission.h"

#include <algorithm>
#include <utility>

#include "libs/event/event.h"
#include "libs/event/event_builder.h"

namespace daemoneye::trigger {
namespace {

using base::operator+;

constexpr absl::Duration kNoticeInterval = absl::Minutes(1);

// What two matches must share to be the same: the trigger, the process and its executable; of a
// window, the trigger and the key; of an event without a process, its subject.
std::string DedupKey(const TriggerMatch& match) {
  std::string key = match.trigger->id() + '\0';
  if (match.trigger->condition().has_window()) return key + 'w' + match.key;
  const v1::CollectionEvent& event = *match.event;
  const std::string_view process = event::ProcessKeyOf(event);
  const std::string_view subject = process.empty() ? event::SubjectOf(event) : process;
  key += subject.empty() ? event.correlation().correlation_id() : std::string(subject);
  key += '\0';
  key += event.process().has_executable_path() ? event.process().executable_path()
                                               : event.trigger_request().target_path();
  return key;
}

bool IsDue(std::optional<base::Monotonic>& last, base::Monotonic now) {
  if (last && base::Elapsed(*last, now) < kNoticeInterval) return false;
  last = now;
  return true;
}

}  // namespace

Admission::Admission(const EngineOptions& options, base::Clock& clock)
    : options_(options),
      clock_(clock),
      accepted_(options.max_dedup_entries),
      queue_(options.queue_capacity) {}

void Admission::Forget(const std::string& trigger_id) { accepted_.Forget(trigger_id + '\0'); }

// Bounded: the one that was longest silent makes room.
Admission::CollectorRate& Admission::CollectorOf(const v1::CollectionEvent& event,
                                                 base::Monotonic now, std::string* name) {
  *name = event.origin().host() + "/" + event.origin().monitor();
  if (!collectors_.contains(*name) && collectors_.size() >= kMaxCollectors) {
    collectors_.erase(
        std::ranges::min_element(collectors_, {}, [](const auto& c) { return c.second.used_at; }));
  }
  CollectorRate& collector = collectors_[*name];
  collector.used_at = now;
  return collector;
}

bool Admission::IsRateLimited(const TriggerMatch& match, TriggerRecord& record,
                              CollectorRate& collector, const std::string& collector_name,
                              base::Monotonic now, std::vector<RateLimitNotice>* notices) {
  const bool is_critical = PriorityOf(*match.trigger) == v1::TRIGGER_PRIORITY_CRITICAL;
  const auto limit_of = [&](uint32_t rate) {
    const uint32_t kept = is_critical ? 0 : std::min(options_.critical_reserve, rate - 1);
    return rate - kept;
  };
  // A trigger's own rate is all of one priority: what is kept back counts for collectors only.
  const uint32_t trigger_limit = match.trigger->has_rate_per_minute()
                                     ? match.trigger->rate_per_minute()
                                     : options_.trigger_rate_per_minute;
  const uint32_t collector_limit = limit_of(options_.collector_rate_per_minute);
  const bool is_trigger = record.rate.Count(now) >= trigger_limit;
  const bool is_collector = collector.rate.Count(now) >= collector_limit;
  if (!is_trigger && !is_collector) return false;
  auto& last = is_trigger ? record.rate_notice_at : collector.notice_at;
  if (IsDue(last, now)) {
    notices->push_back({.trigger = match.trigger,
                        .collector = is_trigger ? "" : collector_name,
                        .event = match.event,
                        .limit_per_minute = is_trigger ? trigger_limit : collector_limit});
  }
  return true;
}

std::optional<std::string> Admission::Admit(TriggerMatch match, TriggerRecord& record,
                                            std::vector<RateLimitNotice>* notices) {
  const v1::Trigger& trigger = *match.trigger;
  const base::Monotonic now = clock_.MonotonicNow();
  record.statistics.set_matched(record.statistics.matched() + 1);
  event::SetTime(match.matched_at, record.statistics.mutable_last_matched_at());
  const auto suppress = [&record](const char* cause) {
    ++(*record.statistics.mutable_suppressed())[cause];
    return std::nullopt;
  };
  if (match.depth > options_.max_depth) return suppress("too_deep");
  // A trigger that looks at requests never answers its own.
  if (match.event->trigger_request().trigger_id() == trigger.id()) return suppress("too_deep");
  if (trigger.has_muted_until() && event::ToTime(trigger.muted_until()) > match.matched_at) {
    return suppress("muted");
  }
  std::string collector_name;
  CollectorRate& collector = CollectorOf(*match.event, now, &collector_name);
  if (IsRateLimited(match, record, collector, collector_name, now, notices)) {
    return suppress("rate_limited");
  }
  const std::string key = DedupKey(match);
  if (accepted_.HoldsBack(key, now)) return suppress("duplicate");
  match.suppressed = accepted_.held_back(key);
  const absl::Duration window = trigger.has_dedup_window()
                                    ? event::ToDuration(trigger.dedup_window())
                                    : options_.dedup_window;
  const absl::Duration timeout = trigger.has_request_timeout()
                                     ? event::ToDuration(trigger.request_timeout())
                                     : options_.request_timeout;
  auto pushed = queue_.Push({.match = std::move(match), .deadline = now + timeout});
  if (pushed.verdict == RequestQueue::Verdict::kShed) return suppress("shed");
  if (pushed.verdict == RequestQueue::Verdict::kFull) return suppress("queue_full");
  record.rate.Add(now);
  collector.rate.Add(now);
  accepted_.Record(key, now + window);
  record.statistics.set_accepted(record.statistics.accepted() + 1);
  if (!pushed.evicted) return std::nullopt;
  return pushed.evicted->match.trigger->id();
}

}  // namespace daemoneye::trigger
