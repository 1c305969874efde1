// PlainTables: ordinary SQLite tables with the rows that the virtual ones have, for tests to hold
// the virtual ones against.
//
// Threads: compatible.
#pragma once

#include <map>
#include <string>

#include "daemoneye/v1/event.pb.h"
#include "libs/sql/live_table.h"
#include "libs/sql/regexp.h"

struct sqlite3;
struct sqlite3_stmt;

namespace daemoneye::sql {

class PlainTables {
 public:
  // With an empty process_events. Whatever goes wrong fails the test.
  PlainTables();
  ~PlainTables();
  PlainTables(const PlainTables&) = delete;
  PlainTables& operator=(const PlainTables&) = delete;

  // `event` is the only row of process_events from now on.
  void SetEvent(const v1::CollectionEvent& event);
  // Its own table has the rows of `table` from now on.
  void SetRows(const LiveTable& table);
  // Whether `sql` yields a row.
  bool Matches(const std::string& sql);

 private:
  sqlite3_stmt* Prepare(const std::string& sql);
  void Run(const std::string& sql);
  void Insert(sqlite3_stmt* insert, int parameter, const Cell& cell);
  void Step(sqlite3_stmt* insert);

  RegexpCache regexps_;
  sqlite3* db_ = nullptr;
  std::map<std::string, sqlite3_stmt*> statements_;  // by their text
};

}  // namespace daemoneye::sql
