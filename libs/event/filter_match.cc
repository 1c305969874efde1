// What an event must be like to meet FilterConditions; filter_conditions.cc compiles them.

#include <algorithm>

#include "libs/event/filter_conditions.h"

namespace daemoneye::event {
namespace {

constexpr int kOtherAction = 31;

using TextMap = google::protobuf::Map<std::string, std::string>;

bool Holds(const TextMap& map, const std::pair<std::string, std::string>& entry) {
  const auto found = map.find(entry.first);
  return found != map.end() && found->second == entry.second;
}

// Absent texts are empty, and no filter holds an empty text.
bool PassesSet(const TextSet& wanted, std::string_view text) {
  return wanted.empty() || wanted.find(text) != wanted.end();
}

bool IsAbout(const Event& event, uint32_t pid) {
  if (PidOf(event) == pid) return true;
  // A child's start and end are its parent's doing.
  return event.has_process() && event.process().has_ppid() && event.process().ppid() == pid &&
         (event.process().action() == v1::PROCESS_ACTION_START ||
          event.process().action() == v1::PROCESS_ACTION_STOP);
}

}  // namespace

bool FilterConditions::MatchesAction(v1::EventKind kind, int action) const {
  if (kind < 0 || static_cast<size_t>(kind) >= actions_.size()) return false;
  const int bit = action < 0 || action > kOtherAction ? kOtherAction : action;
  return actions_[kind] >> bit & 1;
}

bool FilterConditions::Matches(const Event& event) const {
  if (!MatchesAction(KindOf(event), ActionOf(event))) return false;
  if (is_action_only_) return true;
  return MatchesSubject(event) && MatchesOrigin(event) && MatchesRanges(event) &&
         MatchesPaths(event) && MatchesCorrelation(event) && MatchesMetadata(event);
}

bool FilterConditions::MatchesSubject(const Event& event) const {
  if (!pids_.empty()) {
    const std::optional<uint32_t> pid = PidOf(event);
    if (!pid || !pids_.contains(*pid)) return false;
  }
  if (!process_keys_.empty() && !PassesSet(process_keys_, ProcessKeyOf(event))) return false;
  if (!names_.empty()) {
    if (!event.process().has_name() || !names_.Matches(event.process().name())) return false;
  }
  return true;
}

bool FilterConditions::MatchesPaths(const Event& event) const {
  if (paths_.empty()) return true;
  switch (event.payload_case()) {
    case Event::kProcess:
      return event.process().has_executable_path() &&
             paths_.Matches(event.process().executable_path());
    case Event::kFilesystem:
      return (event.filesystem().has_path() && paths_.Matches(event.filesystem().path())) ||
             (event.filesystem().has_old_path() && paths_.Matches(event.filesystem().old_path()));
    case Event::kTriggerRequest:
      return event.trigger_request().has_target_path() &&
             paths_.Matches(event.trigger_request().target_path());
    default:
      return false;
  }
}

bool FilterConditions::MatchesOrigin(const Event& event) const {
  return PassesSet(sources_, event.source()) && PassesSet(hosts_, event.origin().host()) &&
         PassesSet(monitors_, event.origin().monitor());
}

bool FilterConditions::MatchesCorrelation(const Event& event) const {
  if (!correlation_) return true;
  const Correlation& wanted = *correlation_;
  const v1::Correlation& has = event.correlation();
  const auto holds = [&has](const auto& tag) { return Holds(has.tags(), tag); };
  const std::string& root = has.root_id().empty() ? has.correlation_id() : has.root_id();
  return (wanted.id.empty() || wanted.id == has.correlation_id()) &&
         (wanted.parent.empty() || wanted.parent == has.parent_id()) &&
         (wanted.root.empty() || wanted.root == root) &&
         (wanted.stage.empty() || wanted.stage == has.workflow_stage()) &&
         std::all_of(wanted.tags.begin(), wanted.tags.end(), holds) &&
         (wanted.any_tags.empty() ||
          std::any_of(wanted.any_tags.begin(), wanted.any_tags.end(), holds)) &&
         (!wanted.by_pid || IsAbout(event, *wanted.by_pid));
}

bool FilterConditions::MatchesMetadata(const Event& event) const {
  if (minimum_priority_ != v1::TRIGGER_PRIORITY_UNSPECIFIED &&
      event.trigger_request().priority() < minimum_priority_) {
    return false;
  }
  if (metadata_.empty()) return true;
  const TextMap& map =
      event.has_performance() ? event.performance().labels() : event.trigger_request().metadata();
  return std::all_of(metadata_.begin(), metadata_.end(),
                     [&map](const auto& entry) { return Holds(map, entry); });
}

bool FilterConditions::MatchesRanges(const Event& event) const {
  if (first_sequence_ || last_sequence_) {
    if (event.sequence() == 0) return false;
    if (first_sequence_ && event.sequence() < *first_sequence_) return false;
    if (last_sequence_ && event.sequence() > *last_sequence_) return false;
  }
  if (since_ || until_) {
    if (!event.has_event_time()) return false;
    const std::pair<int64_t, int32_t> time(event.event_time().seconds(),
                                           event.event_time().nanos());
    if (since_ && time < *since_) return false;
    if (until_ && time >= *until_) return false;
  }
  return true;
}

}  // namespace daemoneye::event
