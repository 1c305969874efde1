#include "libs/trigger/trigger_match.h"

#include "libs/event/event.h"
#include "libs/event/event_builder.h"

namespace daemoneye::trigger {

absl::Duration DedupWindowOf(const v1::Trigger& trigger) {
  return trigger.has_dedup_window() ? event::ToDuration(trigger.dedup_window())
                                    : absl::Seconds(300);
}

v1::TriggerRequest MakeRequest(const TriggerMatch& match) {
  const v1::Trigger& trigger = *match.trigger;
  v1::TriggerRequest request;
  request.set_trigger_id(trigger.id());
  if (!trigger.target_collector().empty()) {
    request.set_target_collector(trigger.target_collector());
  }
  request.set_analysis_type(trigger.analysis_type());
  request.set_priority(trigger.priority() == v1::TRIGGER_PRIORITY_UNSPECIFIED
                           ? v1::TRIGGER_PRIORITY_NORMAL
                           : trigger.priority());
  if (match.event != nullptr) {
    const v1::CollectionEvent& event = *match.event;
    if (const auto pid = event::PidOf(event)) request.set_target_pid(*pid);
    if (const std::string_view key = event::ProcessKeyOf(event); !key.empty()) {
      request.set_target_process_key(std::string(key));
    }
    if (event.process().has_executable_path()) {
      request.set_target_path(event.process().executable_path());
    } else if (event.trigger_request().has_target_path()) {
      request.set_target_path(event.trigger_request().target_path());
    }
    request.set_correlation_id(event.correlation().correlation_id());
  }
  *request.mutable_metadata() = trigger.metadata();
  request.set_depth(match.depth);
  event::SetTime(match.matched_at, request.mutable_timestamp());
  return request;
}

}  // namespace daemoneye::trigger
