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
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "daemoneye/v1/event.pb.h"
#include "libs/sql/budget.h"
#include "libs/sql/cell_cache.h"
#include "libs/sql/constraint.h"
#include "libs/sql/event_tables.h"
#include "libs/sql/regexp.h"

struct sqlite3;

namespace daemoneye::sql {

// A conjunction of terms with constants, as the planner gave them to one scan of an event table.
using Conjunction = std::vector<Constraint>;

// What one scan of a statement was given; no terms: nothing that is known beforehand.
struct LearnedScan {
  std::string plan;
  Conjunction constants;
};

// The rows of the event tables of one connection: set by who runs a statement, before each run.
struct EventRows {
  static constexpr size_t kNone = static_cast<size_t>(-1);

  // All of one kind, that of the table that is read. Outlive the run.
  std::span<const v1::CollectionEvent* const> events;
  // Values of `events` and of their neighbours, kept for other statements; event i is row places[i]
  // of it. nullptr: each value is read from its event.
  CellCache* cells = nullptr;
  std::span<const uint32_t> places;
  // Whether the terms with constants are known to hold for all of `events`.
  bool are_checked = false;
  // Where not nullptr: scans are empty, and what each was given is put here.
  std::vector<LearnedScan>* learned = nullptr;
  // Number of the next plan; of whom prepares a statement.
  int next_plan = 0;
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
