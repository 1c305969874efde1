#include "libs/trigger/trigger_set.h"

#include <utility>

#include "libs/sql/sql_filter.h"
#include "libs/trigger/condition_sql.h"
#include "libs/trigger/trigger_check.h"

namespace daemoneye::trigger {

struct Compiled {
  std::shared_ptr<const v1::Trigger> definition;
  std::unique_ptr<sql::SqlFilter> filter;
  std::string sql;
  TriggerCost cost;
  bool is_suspended = false;
};

class TriggerSet::Impl {
 public:
  std::vector<Compiled> triggers;
};

TriggerSet::TriggerSet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TriggerSet::~TriggerSet() = default;

std::unique_ptr<TriggerSet> TriggerSet::Compile(
    std::span<const std::shared_ptr<const v1::Trigger>> triggers, const SetOptions& /*options*/,
    LiveTables& /*live*/, std::vector<Refusal>* refusals) {
  auto impl = std::make_unique<Impl>();
  for (const auto& trigger : triggers) {
    if (trigger->has_enabled() && !trigger->enabled()) continue;
    const auto sql = ConditionSql(trigger->condition());
    auto filter = sql.ok() ? sql::SqlFilter::Create(*sql)
                           : absl::StatusOr<std::unique_ptr<sql::SqlFilter>>(sql.status());
    if (!filter.ok()) {
      refusals->push_back(
          {trigger->id(), {Problem("condition", std::string(filter.status().message()))}});
      continue;
    }
    impl->triggers.push_back({trigger, *std::move(filter), *sql, {}, false});
  }
  return std::unique_ptr<TriggerSet>(new TriggerSet(std::move(impl)));
}

void TriggerSet::Evaluate(std::span<const v1::CollectionEvent* const> events, absl::Time /*now*/,
                          std::vector<Hit>* hits) {
  for (const v1::CollectionEvent* event : events) {
    for (size_t i = 0; i < impl_->triggers.size(); ++i) {
      Compiled& trigger = impl_->triggers[i];
      if (trigger.is_suspended) continue;
      ++trigger.cost.evaluated;
      std::vector<bool> passes;
      if (!trigger.filter->Match({&event, 1}, &passes).ok()) ++trigger.cost.errors;
      if (passes[0] && (!event->process().own() || trigger.definition->include_own())) {
        hits->push_back(
            {.trigger = i, .event = event, .window_event = {}, .evidence = {event->origin()}});
      }
    }
  }
}

void TriggerSet::EvaluateWindows(absl::Time, std::vector<Hit>*) {}
void TriggerSet::TakeWindows(TriggerSet&) {}
void TriggerSet::Suspend(size_t trigger) { impl_->triggers[trigger].is_suspended = true; }
size_t TriggerSet::size() const { return impl_->triggers.size(); }
const std::shared_ptr<const v1::Trigger>& TriggerSet::definition(size_t trigger) const {
  return impl_->triggers[trigger].definition;
}
const TriggerCost& TriggerSet::cost(size_t trigger) const { return impl_->triggers[trigger].cost; }
const std::string& TriggerSet::effective_sql(size_t trigger) const {
  return impl_->triggers[trigger].sql;
}
bool TriggerSet::is_indexed(size_t) const { return false; }
bool TriggerSet::is_batched(size_t) const { return false; }
bool TriggerSet::reads_live(size_t) const { return false; }
size_t TriggerSet::window_events() const { return 0; }
size_t TriggerSet::window_bytes() const { return 0; }
uint64_t TriggerSet::window_events_dropped() const { return 0; }

}  // namespace daemoneye::trigger
