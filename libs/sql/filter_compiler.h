// CompileFilter: from the text of `filter.sql` to a checked, prepared statement.
//
// Threads: compatible, with the connection.
// Cost:    that of preparing the statement three or four times.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "libs/sql/event_tables.h"
#include "libs/sql/guarded_connection.h"

struct sqlite3_stmt;

namespace daemoneye::sql {

struct StatementDeleter {
  void operator()(sqlite3_stmt* statement) const;
};
using Statement = std::unique_ptr<sqlite3_stmt, StatementDeleter>;

struct CompiledFilter {
  Statement statement;
  const EventTable* table = nullptr;
  bool is_batch_independent = false;
};

// InvalidArgument as SqlFilter::Create says. The statement must end before `connection`.
absl::StatusOr<CompiledFilter> CompileFilter(std::string_view sql, GuardedConnection& connection);

}  // namespace daemoneye::sql
