// Event tables: the SQL tables that events are rows of, with their columns, made from the protos.
//
// A new field of a payload is a new column without a change here. Columns are the payload's fields
// under their proto names (nested messages flattened as <field>_<field>) and, behind them, those of
// the envelope. protos/COLUMNS.md lists them.
//
// Threads: immutable; any.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemoneye/v1/event.pb.h"
#include "libs/sql/column.h"

namespace daemoneye::sql {

struct EventTable {
  // Such as "process_events".
  std::string name;
  v1::EventKind kind;
  v1::CollectionEvent::PayloadCase payload;
  std::vector<Column> columns;

  // Index of the column `column_name` (ASCII case ignored, as in SQL).
  std::optional<size_t> FindColumn(std::string_view column_name) const;
  // CREATE TABLE statement for sqlite3_declare_vtab.
  std::string Declaration() const;
};

// All event tables, in the order of EventKind; made once, never destroyed.
std::span<const EventTable> EventTables();

// The table `name` (ASCII case ignored), or nullptr.
const EventTable* FindEventTable(std::string_view name);

}  // namespace daemoneye::sql
