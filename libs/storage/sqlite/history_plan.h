// HistoryPlan: which rows of the file a scan of an event table has to look at, from the terms that
// SQLite's planner offers: ranges of event_time, the origin, the action. Every other term is a
// sql::Constraint on the parsed event.
//
// SQLite checks every row again, so a plan may take in too many rows, never too few.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libs/sql/constraint.h"
#include "libs/sql/event_tables.h"

namespace daemoneye::storage {

// Columns that the file itself is searched by.
struct SearchColumns {
  explicit SearchColumns(const sql::EventTable& table);

  int event_time = -1;
  int stream_id = -1;
  int sequence = -1;
  int action = -1;
  // Looked up in the blocks' filters.
  int process_key = -1;
  int name = -1;
};

struct HistoryPlan {
  int64_t since = INT64_MIN;  // event_time, ns, both ends included
  int64_t until = INT64_MAX;
  std::optional<std::string> stream_id;
  std::optional<int64_t> sequence;
  std::optional<int> action;
  // Of keys that every event wanted has: see KeyFilter.
  std::vector<uint64_t> key_hashes;
  // Nothing can match: a NULL, or two different values for one column.
  bool is_empty = false;

  // Narrows by `column op value`; false when this plan cannot, or not exactly.
  bool Narrow(const sql::EventTable& table, const SearchColumns& columns, sql::ConstraintOp op,
              int column, sqlite3_value* value);

 private:
  bool NarrowTime(sql::ConstraintOp op, sqlite3_value* value);
  bool NarrowAction(const sql::EventTable& table, sqlite3_value* value);
};

}  // namespace daemoneye::storage
