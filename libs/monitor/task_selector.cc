#include "libs/monitor/task_selector.h"

#include <fmt/format.h>

#include "libs/base/status_macros.h"

namespace daemoneye::monitor {

absl::StatusOr<TaskSelector> TaskSelector::Create(const v1::EventFilter& filter,
                                                  v1::Origin origin) {
  ASSIGN_OR_RETURN(event_bus::EventSelector selector, event_bus::EventSelector::Create(filter));
  return TaskSelector(std::move(selector), std::move(origin));
}

bool TaskSelector::Selects(event::Event& record) {
  *record.mutable_origin() = origin_;
  const event::Event* const records[] = {&record};
  selector_.Select(records, passes_);
  return passes_[0] != 0;
}

void TaskSelector::Report(v1::Completeness& completeness) const {
  const uint64_t failed = selector_.failed_events();
  if (failed == 0) return;
  completeness.set_complete(false);
  completeness.add_reasons(fmt::format("filter.sql failed or took too long on {} records", failed));
}

}  // namespace daemoneye::monitor
