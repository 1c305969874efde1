// The event tables as SQLite virtual tables over a span of events, with constraint pushdown.
//
// The planner's constraints (=, IN, <, <=, >, >=, LIKE, GLOB, REGEXP) are checked natively before
// SQLite sees a row, and by SQLite again. Tables are eponymous: they exist without a CREATE.
//
// Threads: compatible, with the connection.
// Cost:    25-40 ns an event that a constraint drops, 100 ns where it reads the command line; 0.5
// µs
//          one that SQLite evaluates alone (sql_filter_benchmark).
#pragma once

#include <cstddef>
#include <span>

#include "daemoneye/v1/event.pb.h"
#include "libs/sql/budget.h"
#include "libs/sql/event_tables.h"
#include "libs/sql/regexp.h"

struct sqlite3;

namespace daemoneye::sql {

// The rows of the event tables of one connection: set by who runs a statement, before each run.
struct EventRows {
  static constexpr size_t kNone = static_cast<size_t>(-1);

  // All of one kind, that of the table that is read. Outlive the run.
  std::span<const v1::CollectionEvent* const> events;
  // Where the cursor that moved last stands; kNone at its end.
  size_t current = kNone;
  // Spent by scanning; outlives this.
  Budget* budget = nullptr;
  RegexpCache* regexps = nullptr;
  // True while a table tells SQLite its columns: what an authorizer then sees is not the
  // statement's.
  bool is_declaring = false;
};

// Adds every event table to `db`; `rows` outlives it. Returns SQLite's result code.
int AddEventTables(sqlite3* db, EventRows* rows);

}  // namespace daemoneye::sql
