#include "libs/monitor/task_selector.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::monitor {
namespace {

// `filter` without what it asks of executables; nullopt: it asks nothing of them.
std::optional<v1::EventFilter> WithoutExecutables(const v1::EventFilter& filter) {
  const bool has_sql = filter.sql().find("executable") != std::string::npos;
  if (filter.paths().empty() && filter.deny().paths().empty() && !has_sql) return std::nullopt;
  v1::EventFilter without = filter;
  without.clear_paths();
  if (without.has_deny()) without.mutable_deny()->clear_paths();
  if (has_sql) without.clear_sql();
  return without;
}

}  // namespace

absl::StatusOr<TaskSelector> TaskSelector::Create(const v1::EventFilter& filter,
                                                  v1::Origin origin) {
  ASSIGN_OR_RETURN(event_bus::EventSelector selector, event_bus::EventSelector::Create(filter));
  std::optional<event_bus::EventSelector> but_executables;
  if (const auto without = WithoutExecutables(filter)) {
    ASSIGN_OR_RETURN(but_executables, event_bus::EventSelector::Create(*without));
  }
  return TaskSelector(std::move(selector), std::move(but_executables), std::move(origin));
}

bool TaskSelector::Selects(event::Event& record) {
  *record.mutable_origin() = origin_;
  const event::Event* const records[] = {&record};
  selector_.Select(records, passes_);
  if (passes_[0] != 0) return true;
  const v1::ProcessEvent& process = record.process();
  if (but_executables_.has_value() && process.has_accessible() && !process.accessible()) {
    but_executables_->Select(records, passes_);
    if (passes_[0] != 0) ++unseen_executables_;
  }
  return false;
}

void TaskSelector::Report(v1::Completeness& completeness) const {
  const auto missing = [&](std::string reason) {
    completeness.set_complete(false);
    completeness.add_reasons(std::move(reason));
  };
  if (const uint64_t failed = selector_.failed_events(); failed != 0) {
    missing(fmt::format("filter.sql failed or took too long on {} records", failed));
  }
  if (unseen_executables_ != 0) {
    missing(
        fmt::format("{} processes' executables, which the filter asks for, may not be looked at",
                    unseen_executables_));
  }
}

}  // namespace daemoneye::monitor
