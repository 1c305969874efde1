#include "libs/sql/plain_tables.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "libs/sql/event_tables.h"
#include "libs/sql/type_text.h"

namespace daemoneye::sql {
namespace {

const EventTable& Events() { return *FindEventTable("process_events"); }

std::string InsertInto(const std::string& table, size_t columns) {
  std::string sql = "INSERT INTO " + table + " VALUES (?";
  for (size_t i = 1; i < columns; ++i) sql += ",?";
  return sql + ")";
}

}  // namespace

PlainTables::PlainTables() {
  EXPECT_EQ(sqlite3_open(":memory:", &db_), SQLITE_OK);
  EXPECT_EQ(regexps_.AddFunction(db_), SQLITE_OK);
  Run(Events().Declaration());
}

PlainTables::~PlainTables() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

sqlite3_stmt* PlainTables::Prepare(const std::string& sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_) << "\n"
        << sql;
  }
  return statement;
}

void PlainTables::Run(const std::string& sql) {
  EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(db_) << "\n"
      << sql;
}

void PlainTables::Insert(sqlite3_stmt* insert, int parameter, const Cell& cell) {
  switch (cell.type) {
    case CellType::kNull:
      sqlite3_bind_null(insert, parameter);
      break;
    case CellType::kInteger:
      sqlite3_bind_int64(insert, parameter, cell.integer);
      break;
    case CellType::kReal:
      sqlite3_bind_double(insert, parameter, cell.real);
      break;
    case CellType::kText:
      sqlite3_bind_text(insert, parameter, cell.text.data(), static_cast<int>(cell.text.size()),
                        SQLITE_TRANSIENT);
      break;
  }
}

void PlainTables::Step(sqlite3_stmt* insert) {
  EXPECT_EQ(sqlite3_step(insert), SQLITE_DONE) << sqlite3_errmsg(db_);
  sqlite3_reset(insert);
}

void PlainTables::SetEvent(const v1::CollectionEvent& event) {
  Run("DELETE FROM process_events");
  sqlite3_stmt* const insert = Prepare(InsertInto("process_events", Events().columns.size()));
  std::string scratch;
  for (size_t i = 0; i < Events().columns.size(); ++i) {
    Insert(insert, static_cast<int>(i) + 1, Events().columns[i].Get(event, &scratch));
  }
  Step(insert);
}

void PlainTables::SetRows(const LiveTable& table) {
  std::string declaration = "CREATE TABLE IF NOT EXISTS " + table.name();
  for (const LiveColumn& column : table.columns()) {
    declaration += &column == table.columns().data() ? "(" : ",";
    declaration += "\"" + column.name + "\" " + TypeText(column.type);
  }
  Run(declaration + "); DELETE FROM " + table.name());
  sqlite3_stmt* const insert = Prepare(InsertInto(table.name(), table.columns().size()));
  std::string scratch;
  for (size_t slot = 0; slot < table.slots(); ++slot) {
    if (!table.HasRow(slot)) continue;
    for (size_t i = 0; i < table.columns().size(); ++i) {
      Insert(insert, static_cast<int>(i) + 1, table.Get(slot, i, &scratch));
    }
    Step(insert);
  }
}

bool PlainTables::Matches(const std::string& sql) {
  sqlite3_stmt* const select = Prepare(sql);
  const int result = sqlite3_step(select);
  EXPECT_TRUE(result == SQLITE_ROW || result == SQLITE_DONE) << sqlite3_errmsg(db_) << "\n" << sql;
  sqlite3_reset(select);
  return result == SQLITE_ROW;
}

}  // namespace daemoneye::sql
