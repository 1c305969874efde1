#include "libs/event_bus/event_selector.h"

#include "libs/base/status_macros.h"

namespace daemoneye::event_bus {

using event::TraitsVerdict;

absl::StatusOr<EventSelector> EventSelector::Create(const v1::EventFilter& filter) {
  ASSIGN_OR_RETURN(event::CompiledFilter compiled, event::CompiledFilter::Create(filter));
  EventSelector selector(std::move(compiled));
  if (!filter.sql().empty()) {
    ASSIGN_OR_RETURN(selector.sql_, sql::SqlFilter::Create(filter.sql()));
  }
  for (size_t kind = 0; kind < kClassKinds; ++kind) {
    for (size_t action = 0; action < kClassActions; ++action) {
      for (const bool is_own : {false, true}) {
        const EventTraits traits{
            .kind = static_cast<uint8_t>(kind),
            .action = static_cast<uint8_t>(action + 1 < kClassActions ? action : kUnknownAction),
            .is_sample = kind == v1::EVENT_KIND_PROCESS && action == v1::PROCESS_ACTION_SAMPLE,
            .is_own = is_own};
        TraitsVerdict verdict = selector.filter_.MatchesTraits(
            static_cast<v1::EventKind>(kind), traits.action, traits.is_sample, is_own);
        if (selector.sql_ != nullptr && verdict == TraitsVerdict::kYes) {
          verdict = TraitsVerdict::kNeedsEvent;
        }
        if (selector.sql_ != nullptr && selector.sql_->kind() != static_cast<int>(kind)) {
          verdict = TraitsVerdict::kNo;
        }
        selector.verdicts_[ClassOf(traits)] = verdict;
        selector.possible_[ClassOf(traits)] = verdict != TraitsVerdict::kNo;
      }
    }
  }
  return selector;
}

void EventSelector::Select(const EventBatch& batch, size_t first, size_t count,
                           std::vector<uint8_t>& passes) {
  passes.assign(count, 0);
  candidates_.clear();
  candidate_indexes_.clear();
  for (size_t i = 0; i < count; ++i) {
    const TraitsVerdict verdict = this->verdict(batch.traits(first + i));
    if (verdict == TraitsVerdict::kYes) passes[i] = 1;
    if (verdict != TraitsVerdict::kNeedsEvent) continue;
    if (parsed_ == nullptr || parsed_first_sequence_ != batch.first_sequence()) {
      parsed_ = batch.parsed();
      parsed_first_sequence_ = batch.first_sequence();
    }
    const event::Event& event = (*parsed_)[first + i];
    if (!filter_.Matches(event)) continue;
    if (sql_ == nullptr) {
      passes[i] = 1;
    } else {
      candidates_.push_back(&event);
      candidate_indexes_.push_back(i);
    }
  }
  ApplySql(passes);
}

void EventSelector::Select(std::span<const event::Event* const> events,
                           std::vector<uint8_t>& passes) {
  passes.assign(events.size(), 0);
  candidates_.clear();
  candidate_indexes_.clear();
  for (size_t i = 0; i < events.size(); ++i) {
    if (!filter_.Matches(*events[i])) continue;
    if (sql_ == nullptr) {
      passes[i] = 1;
    } else {
      candidates_.push_back(events[i]);
      candidate_indexes_.push_back(i);
    }
  }
  ApplySql(passes);
}

void EventSelector::ApplySql(std::vector<uint8_t>& passes) {
  if (candidates_.empty()) return;
  // What a guard cut off is counted by the statement itself and does not pass.
  sql_->Match(candidates_, &sql_passes_).IgnoreError();
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (sql_passes_[i]) passes[candidate_indexes_[i]] = 1;
  }
}

}  // namespace daemoneye::event_bus
