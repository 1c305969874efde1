// RowTables as SQLite virtual tables: read from the first row to the last, SQLite does the rest.
// Where a table is live, its rows are there at once, and an equality is looked up in an index that
// is made the first time.
//
// Threads: compatible, with the connection.
#pragma once

#include <vector>

#include "libs/storage/sqlite/query_state.h"
#include "libs/storage/sqlite/row_table.h"

struct sqlite3;

namespace daemoneye::storage {

// Adds the tables to `db`, which they and `state` outlive. Returns SQLite's result code.
int AddRowTables(sqlite3* db, const std::vector<RowTable>& tables, QueryState* state);

}  // namespace daemoneye::storage
