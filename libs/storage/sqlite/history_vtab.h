// The event tables as SQLite virtual tables over the stored events.
//
// Columns are those of libs/sql, read from the parsed event. Ranges of event_time, an origin and an
// action are looked up in the file's indexes, a process_key and a name in its blocks' filters;
// other terms are checked natively before SQLite sees a row, and by SQLite again. ORDER BY
// event_time comes from the index. Tables are eponymous.
//
// Threads: compatible, with the connection.
// Cost:    1 µs an event that is looked at.
#pragma once

#include "libs/storage/sqlite/query_state.h"

struct sqlite3;

namespace daemoneye::storage {

// Adds every event table to `db`; `state` outlives it. Returns SQLite's result code.
int AddHistoryTables(sqlite3* db, QueryState* state);

}  // namespace daemoneye::storage
