#include "libs/event/filter.h"

#include "libs/base/status_macros.h"

namespace daemoneye::event {
namespace {

constexpr int kActionCount = 8;

// Writes out what an empty field means, so that a client sees what it gets.
void FillDefaults(const FilterConditions& allow, v1::EventFilter& filter) {
  if (filter.kinds().empty()) {
    for (int kind = v1::EVENT_KIND_PROCESS; kind < v1::EVENT_KIND_CONTROL; ++kind) {
      filter.add_kinds(static_cast<v1::EventKind>(kind));
    }
  }
  if (!filter.actions().empty()) return;
  TextSet named;
  for (const int kind : filter.kinds()) {
    for (int action = 0; action < kActionCount; ++action) {
      const std::string_view name = ActionName(static_cast<v1::EventKind>(kind), action);
      if (name.empty() || (name == "SAMPLE" && !allow.names_sample())) continue;
      if (named.emplace(name).second) filter.add_actions(std::string(name));
    }
  }
}

absl::Status CheckDeny(const v1::EventFilter& deny) {
  if (deny.has_deny()) {
    return absl::InvalidArgumentError("filter.deny.deny: a deny may not hold another");
  }
  if (deny.own()) {
    return absl::InvalidArgumentError(
        "filter.deny.own: own processes are left out unless filter.own is set");
  }
  if (!deny.sql().empty()) {
    return absl::InvalidArgumentError("filter.deny.sql: write NOT (...) in filter.sql instead");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CompiledFilter> CompiledFilter::Create(const v1::EventFilter& filter) {
  CompiledFilter compiled;
  compiled.effective_ = filter;
  ASSIGN_OR_RETURN(compiled.allow_, FilterConditions::Compile(filter, "filter."));
  // An empty deny leaves out nothing; as a filter it would meet everything.
  if (filter.has_deny() && filter.deny().ByteSizeLong() > 0) {
    RETURN_IF_ERROR(CheckDeny(filter.deny()));
    ASSIGN_OR_RETURN(compiled.deny_, FilterConditions::Compile(filter.deny(), "filter.deny."));
  } else {
    compiled.effective_.clear_deny();
  }
  compiled.passes_samples_ = compiled.allow_.names_sample();
  compiled.passes_own_ = filter.own();
  FillDefaults(compiled.allow_, compiled.effective_);
  return compiled;
}

bool CompiledFilter::Matches(const Event& event) const {
  if (!passes_samples_ && IsSample(event)) return false;
  if (!passes_own_ && IsOwn(event)) return false;
  return allow_.Matches(event) && !(deny_ && deny_->Matches(event));
}

TraitsVerdict CompiledFilter::MatchesTraits(v1::EventKind kind, int action, bool is_sample,
                                            bool is_own) const {
  if (is_sample && !passes_samples_) return TraitsVerdict::kNo;
  if (is_own && !passes_own_) return TraitsVerdict::kNo;
  if (!allow_.MatchesAction(kind, action)) return TraitsVerdict::kNo;
  const bool may_be_denied = deny_ && deny_->MatchesAction(kind, action);
  if (may_be_denied && deny_->is_action_only()) return TraitsVerdict::kNo;
  return allow_.is_action_only() && !may_be_denied ? TraitsVerdict::kYes
                                                   : TraitsVerdict::kNeedsEvent;
}

}  // namespace daemoneye::event
