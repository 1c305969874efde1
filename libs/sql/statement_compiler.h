// CompileStatement: from a text from outside (a bare condition, or one SELECT) to a checked,
// prepared statement.
//
// Threads: compatible, with the connection.
// Cost:    that of preparing the statement three or four times, about 30 µs.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/sql/bytecode.h"
#include "libs/sql/event_tables.h"
#include "libs/sql/guarded_connection.h"

struct sqlite3_stmt;

namespace daemoneye::sql {

// Longest text, bytes.
inline constexpr size_t kMaxStatementBytes = 16 * 1024;

struct StatementDeleter {
  void operator()(sqlite3_stmt* statement) const;
};
using Statement = std::unique_ptr<sqlite3_stmt, StatementDeleter>;

struct CompileOptions {
  // What a bare condition stands behind; ends in a space.
  std::string condition_head = "SELECT 1 FROM process_events WHERE ";
  // Whether an event table may be aggregated: it then holds the events of a window.
  bool is_window = false;
  // Whether only a bare condition will do.
  bool is_condition_only = false;
};

struct CompiledStatement {
  Statement statement;
  // What was prepared.
  std::string text;
  const EventTable* table = nullptr;
  std::vector<const LiveTable*> live_tables;
  Program program;
  bool is_batch_independent = false;
};

// InvalidArgument with the connection's subject, what is wrong and where, for all that is not
// allowed. The statement must end before `connection`.
absl::StatusOr<CompiledStatement> CompileStatement(std::string_view sql,
                                                   GuardedConnection& connection,
                                                   const CompileOptions& options);

// Whether `sql` begins like a whole statement rather than a condition.
bool IsSelect(std::string_view sql);

}  // namespace daemoneye::sql
