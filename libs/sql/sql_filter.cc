#include "libs/sql/sql_filter.h"

#include <utility>

namespace daemoneye::sql {

class SqlFilter::Impl {};

SqlFilter::SqlFilter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqlFilter::~SqlFilter() = default;

absl::StatusOr<std::unique_ptr<SqlFilter>> SqlFilter::Create(std::string_view /*sql*/,
                                                             const SqlFilterOptions& /*options*/) {
  return absl::UnimplementedError("filter.sql: not there yet");
}

absl::Status SqlFilter::Match(std::span<const v1::CollectionEvent* const> events,
                              std::vector<bool>* passes) {
  passes->assign(events.size(), false);
  return absl::UnimplementedError("filter.sql: not there yet");
}

v1::EventKind SqlFilter::kind() const { return v1::EVENT_KIND_PROCESS; }
bool SqlFilter::is_batch_independent() const { return false; }
uint64_t SqlFilter::failed_events() const { return 0; }

}  // namespace daemoneye::sql
