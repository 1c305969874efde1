#include "libs/event/filter_conditions.h"

#include <fmt/format.h>

#include <algorithm>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/event/filter_field.h"
#include "libs/event/topics.h"

namespace daemoneye::event {
namespace {

constexpr int kKinds = 8;
constexpr int kOtherAction = 31;  // the bit for every action beyond

// Bits of `kind` whose actions pass `predicate(name)`.
template <typename Predicate>
uint32_t ActionBits(v1::EventKind kind, const Predicate& predicate) {
  uint32_t bits = 0;
  for (int action = 0; action < kOtherAction; ++action) {
    const std::string_view name = ActionName(kind, action);
    if (!name.empty() && predicate(action, name)) bits |= 1u << action;
  }
  return bits;
}

}  // namespace

bool TextPatterns::Matches(std::string_view text) const {
  return exact.find(text) != exact.end() ||
         std::any_of(globs.begin(), globs.end(), [&](const Glob& g) { return g.Matches(text); });
}

absl::StatusOr<FilterConditions> FilterConditions::Compile(const v1::EventFilter& filter,
                                                           std::string_view prefix) {
  FilterConditions compiled;
  RETURN_IF_ERROR(compiled.CompileActions(filter, prefix));
  RETURN_IF_ERROR(compiled.CompileTexts(filter, prefix));
  if (filter.has_correlation()) {
    RETURN_IF_ERROR(
        compiled.CompileCorrelation(filter.correlation(), std::string(prefix) + "correlation."));
  }
  RETURN_IF_ERROR(compiled.CompileRanges(filter, prefix));
  const bool asks_content =
      !compiled.pids_.empty() || !compiled.process_keys_.empty() || !compiled.hosts_.empty() ||
      !compiled.sources_.empty() || !compiled.monitors_.empty() || !compiled.names_.empty() ||
      !compiled.paths_.empty() || compiled.correlation_ || !compiled.metadata_.empty() ||
      compiled.minimum_priority_ != v1::TRIGGER_PRIORITY_UNSPECIFIED || compiled.first_sequence_ ||
      compiled.last_sequence_ || compiled.since_ || compiled.until_;
  compiled.is_action_only_ = !asks_content;
  return compiled;
}

absl::Status FilterConditions::CompileActions(const v1::EventFilter& filter,
                                              std::string_view prefix) {
  actions_.fill(~0u);
  RETURN_IF_ERROR(CheckCount(filter.kinds_size(), prefix, "kinds"));
  RETURN_IF_ERROR(CheckCount(filter.actions_size(), prefix, "actions"));
  RETURN_IF_ERROR(CheckCount(filter.topics_size(), prefix, "topics"));
  if (!filter.kinds().empty()) {
    uint32_t kinds = 0;
    for (int i = 0; i < filter.kinds_size(); ++i) {
      const int kind = filter.kinds(i);
      if (kind <= 0 || kind >= kKinds) {
        return FieldError(prefix, "kinds", i, fmt::format("{} is no kind of event", kind));
      }
      kinds |= 1u << kind;
    }
    for (int kind = 0; kind < kKinds; ++kind) {
      if ((kinds >> kind & 1) == 0) actions_[kind] = 0;
    }
  }
  TextSet actions;
  for (int i = 0; i < filter.actions_size(); ++i) {
    absl::StatusOr<std::string> action = CanonicalAction(filter.actions(i));
    if (!action.ok()) return FieldError(prefix, "actions", i, MessageOf(action.status()));
    names_sample_ = names_sample_ || *action == "SAMPLE";
    actions.insert(*std::move(action));
  }
  std::vector<TopicPattern> topics;
  for (int i = 0; i < filter.topics_size(); ++i) {
    absl::StatusOr<TopicPattern> topic = TopicPattern::Compile(filter.topics(i));
    if (!topic.ok()) return FieldError(prefix, "topics", i, MessageOf(topic.status()));
    names_sample_ = names_sample_ || topic->NamesLevel(2, "sample");
    topics.push_back(*std::move(topic));
  }
  for (int k = 0; k < kKinds; ++k) {
    const auto kind = static_cast<v1::EventKind>(k);
    if (!actions.empty()) {
      actions_[k] &= ActionBits(
          kind, [&](int, std::string_view name) { return actions.find(name) != actions.end(); });
    }
    if (!topics.empty()) {
      actions_[k] &= ActionBits(kind, [&](int action, std::string_view) {
        const std::string topic = TopicOf(kind, action);
        return std::any_of(topics.begin(), topics.end(),
                           [&](const TopicPattern& pattern) { return pattern.Matches(topic); });
      });
    }
  }
  return absl::OkStatus();
}

absl::Status FilterConditions::CompileTexts(const v1::EventFilter& filter,
                                            std::string_view prefix) {
  RETURN_IF_ERROR(CheckCount(filter.pids_size(), prefix, "pids"));
  pids_.insert(filter.pids().begin(), filter.pids().end());
  RETURN_IF_ERROR(CollectTexts(filter.process_keys(), prefix, "process_keys", process_keys_));
  RETURN_IF_ERROR(CollectTexts(filter.hosts(), prefix, "hosts", hosts_));
  RETURN_IF_ERROR(CollectTexts(filter.sources(), prefix, "sources", sources_));
  RETURN_IF_ERROR(CollectTexts(filter.monitors(), prefix, "monitors", monitors_));
  size_t glob_bytes = 0;
  RETURN_IF_ERROR(CollectPatterns(filter.names(), prefix, "names", glob_bytes, names_));
  RETURN_IF_ERROR(CollectPatterns(filter.paths(), prefix, "paths", glob_bytes, paths_));
  RETURN_IF_ERROR(CollectPairs(filter.metadata(), prefix, "metadata", metadata_));
  return absl::OkStatus();
}

absl::Status FilterConditions::CompileCorrelation(const v1::CorrelationFilter& filter,
                                                  std::string_view prefix) {
  Correlation compiled{
      .id = filter.id(), .parent = filter.parent(), .root = filter.root(), .stage = filter.stage()};
  RETURN_IF_ERROR(CheckText(compiled.id, prefix, "id"));
  RETURN_IF_ERROR(CheckText(compiled.parent, prefix, "parent"));
  RETURN_IF_ERROR(CheckText(compiled.root, prefix, "root"));
  RETURN_IF_ERROR(CheckText(compiled.stage, prefix, "stage"));
  RETURN_IF_ERROR(CollectPairs(filter.tags(), prefix, "tags", compiled.tags));
  RETURN_IF_ERROR(CollectPairs(filter.any_tags(), prefix, "any_tags", compiled.any_tags));
  if (filter.has_by_pid()) compiled.by_pid = filter.by_pid();
  if (filter.ByteSizeLong() > 0) correlation_ = std::move(compiled);
  return absl::OkStatus();
}

absl::Status FilterConditions::CompileRanges(const v1::EventFilter& filter,
                                             std::string_view prefix) {
  const int priority = filter.minimum_priority();
  if (!v1::TriggerPriority_IsValid(priority)) {
    return FieldError(prefix, "minimum_priority", fmt::format("{} is no priority", priority));
  }
  minimum_priority_ = filter.minimum_priority();
  const v1::SequenceRange& sequences = filter.sequence_range();
  if (sequences.has_first()) first_sequence_ = sequences.first();
  if (sequences.has_last()) last_sequence_ = sequences.last();
  if (first_sequence_ && last_sequence_ && *first_sequence_ > *last_sequence_) {
    return FieldError(prefix, "sequence_range",
                      fmt::format("first {} is behind last {}", *first_sequence_, *last_sequence_));
  }
  const v1::TimeRange& times = filter.time_range();
  if (times.has_since()) {
    RETURN_IF_ERROR(CheckTimestamp(times.since(), prefix, "time_range.since"));
    since_.emplace(times.since().seconds(), times.since().nanos());
  }
  if (times.has_until()) {
    RETURN_IF_ERROR(CheckTimestamp(times.until(), prefix, "time_range.until"));
    until_.emplace(times.until().seconds(), times.until().nanos());
  }
  if (since_ && until_ && *since_ >= *until_) {
    return FieldError(prefix, "time_range", "since must be before until");
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::event
