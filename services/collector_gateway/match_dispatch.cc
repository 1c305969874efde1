#include "services/collector_gateway/match_dispatch.h"

#include <utility>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"
#include "libs/event/correlation.h"
#include "libs/event/event.h"
#include "libs/event/event_builder.h"
#include "libs/event/uuid.h"
#include "libs/logging/logging.h"

namespace daemoneye::gateway {
namespace {

constexpr absl::Duration kTimeoutLogInterval = absl::Minutes(1);

std::string TitleOf(const v1::Trigger& trigger) {
  return trigger.description().empty() ? "Trigger " + trigger.id() : trigger.description();
}

v1::Severity SeverityOf(const v1::Trigger& trigger) {
  return trigger.severity() == v1::SEVERITY_UNSPECIFIED ? v1::SEVERITY_MEDIUM : trigger.severity();
}

// Whom an event is about.
void SetSubject(const v1::CollectionEvent& event, v1::Alert& alert) {
  alert.set_host(event.origin().host());
  alert.set_process_key(std::string(event::ProcessKeyOf(event)));
  if (const std::optional<uint32_t> pid = event::PidOf(event)) alert.set_pid(*pid);
  alert.set_process_name(event.process().name());
  alert.set_executable_path(event.process().executable_path());
  alert.set_correlation_id(event.correlation().correlation_id());
}

}  // namespace

v1::CollectionEvent RequestEvent(const trigger::TriggerMatch& match, absl::Time now) {
  v1::CollectionEvent event;
  event::SetTime(now, event.mutable_event_time());
  event::SetTime(now, event.mutable_observed_time());
  event.set_source("trigger-engine");
  *event.mutable_trigger_request() = trigger::MakeRequest(match);
  if (match.event != nullptr && event::ValidateCorrelation(match.event->correlation()).ok()) {
    *event.mutable_correlation() = event::ChildOf(match.event->correlation(), event::NewUuid());
  }
  return event;
}

alerting::AlertDraft DraftOf(const trigger::TriggerMatch& match, v1::Completeness completeness) {
  const v1::Trigger& trigger = *match.trigger;
  alerting::AlertDraft draft;
  v1::Alert& alert = draft.alert;
  alert.set_severity(SeverityOf(trigger));
  alert.set_title(TitleOf(trigger));
  alert.set_trigger_id(trigger.id());
  if (match.event != nullptr) SetSubject(*match.event, alert);
  for (const v1::Origin& origin : match.evidence) *alert.add_evidence() = origin;
  *alert.mutable_completeness() = std::move(completeness);
  *alert.mutable_attack_ids() = trigger.attack_ids();
  for (const auto& [name, text] : trigger.metadata()) (*alert.mutable_details())[name] = text;
  for (const auto& [name, text] : match.details) (*alert.mutable_details())[name] = text;
  if (!match.key.empty()) (*alert.mutable_details())["key"] = match.key;
  draft.suppressed = match.suppressed;
  draft.dedup_scope = match.key;
  draft.dedup_window = trigger::DedupWindowOf(trigger);
  return draft;
}

MatchDispatch::MatchDispatch(MatchDispatchPorts ports)
    : ports_(std::move(ports)), timeout_log_(kTimeoutLogInterval, ports_.clock) {}

bool MatchDispatch::OnMatch(const trigger::TriggerMatch& match) {
  const bool names_more =
      !match.trigger->target_collector().empty() || !match.trigger->workflow().empty();
  if (!names_more) {
    PublishRequest(match);
    ports_.raise(DraftOf(match, ports_.completeness()));
    return true;
  }
  const absl::Status started =
      ports_.start ? ports_.start(match) : absl::UnavailableError("nothing can be started here");
  if (absl::IsResourceExhausted(started)) return false;
  PublishRequest(match);
  if (!started.ok()) RaiseWithout(match, std::string(started.message()));
  return true;
}

void MatchDispatch::RaiseWithout(const trigger::TriggerMatch& match, std::string why) {
  v1::Completeness completeness = ports_.completeness();
  completeness.set_complete(false);
  completeness.add_reasons(std::move(why));
  ports_.raise(DraftOf(match, std::move(completeness)));
}

void MatchDispatch::PublishRequest(const trigger::TriggerMatch& match) {
  event::EventList events;
  events.push_back(RequestEvent(match, ports_.clock.Now()));
  ports_.bus.Publish(std::move(events));
  requests_.fetch_add(1, std::memory_order_relaxed);
}

void MatchDispatch::OnTimeout(const trigger::TriggerMatch& match) {
  timeout_log_.Log(logging::Level::kWarning, "no target took a trigger's request in time",
                   {{"trigger", match.trigger->id()}});
  PublishRequest(match);
  RaiseWithout(match,
               fmt::format("{} was not asked: too much waited for it",
                           match.trigger->workflow().empty() ? match.trigger->target_collector()
                                                             : match.trigger->workflow()));
}

void MatchDispatch::OnRateLimited(const trigger::RateLimitNotice& notice) {
  alerting::AlertDraft draft;
  v1::Alert& alert = draft.alert;
  alert.set_severity(v1::SEVERITY_MEDIUM);
  alert.set_trigger_id(notice.trigger->id());
  alert.set_title(fmt::format("{} matches a minute are not told beyond {}: more are only counted",
                              notice.collector.empty()
                                  ? fmt::format("Trigger {}:", notice.trigger->id())
                                  : fmt::format("{}:", notice.collector),
                              notice.limit_per_minute));
  if (notice.event != nullptr) {
    alert.set_host(notice.event->origin().host());
    *alert.add_evidence() = notice.event->origin();
  }
  *alert.mutable_completeness() = ports_.completeness();
  draft.dedup_scope = "rate_limited " + notice.collector;
  ports_.raise(std::move(draft));
}

void MatchDispatch::OnSuspended(const std::string& trigger_id, const std::string& reason) {
  logging::Error("a trigger was suspended", {{"trigger", trigger_id}, {"reason", reason}});
  ports_.on_problem();
}

}  // namespace daemoneye::gateway
