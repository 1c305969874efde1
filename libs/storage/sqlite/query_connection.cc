#include "libs/storage/sqlite/query_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "libs/base/status_macros.h"
#include "libs/sql/column.h"
#include "libs/sql/event_tables.h"
#include "libs/sql/guarded_connection.h"
#include "libs/storage/sqlite/history_vtab.h"
#include "libs/storage/sqlite/query.h"
#include "libs/storage/sqlite/row_vtab.h"

namespace daemoneye::storage {
namespace {

constexpr int kInstructionsPerCheck = 1000;

constexpr std::pair<int, int> kLimits[] = {
    {SQLITE_LIMIT_SQL_LENGTH, static_cast<int>(kMaxQueryBytes)},
    {SQLITE_LIMIT_COLUMN, 256},
    {SQLITE_LIMIT_EXPR_DEPTH, 100},
    {SQLITE_LIMIT_COMPOUND_SELECT, 8},
    {SQLITE_LIMIT_VDBE_OP, 25'000},
    {SQLITE_LIMIT_FUNCTION_ARG, 32},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1024},
    {SQLITE_LIMIT_VARIABLE_NUMBER, kMaxQueryParameters},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 0},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
};

// Beside those that a filter may call: what needs more than one row, and times. Sorted.
constexpr auto kMoreFunctions = std::to_array<std::string_view>({"avg",
                                                                 "count",
                                                                 "cume_dist",
                                                                 "date",
                                                                 "datetime",
                                                                 "dense_rank",
                                                                 "first_value",
                                                                 "group_concat",
                                                                 "json_group_array",
                                                                 "json_group_object",
                                                                 "julianday",
                                                                 "lag",
                                                                 "last_value",
                                                                 "lead",
                                                                 "nth_value",
                                                                 "ntile",
                                                                 "percent_rank",
                                                                 "rank",
                                                                 "row_number",
                                                                 "strftime",
                                                                 "sum",
                                                                 "time",
                                                                 "total",
                                                                 "unixepoch"});
static_assert(std::ranges::is_sorted(kMoreFunctions));

bool MayCall(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), absl::ascii_tolower);
  return sql::IsAllowedFunction(lower) ||
         std::ranges::binary_search(kMoreFunctions, std::string_view(lower));
}

std::string_view ActionName(int action) {
  switch (action) {
    case SQLITE_INSERT:
      return "INSERT";
    case SQLITE_UPDATE:
      return "UPDATE";
    case SQLITE_DELETE:
      return "DELETE";
    case SQLITE_PRAGMA:
      return "PRAGMA";
    case SQLITE_ATTACH:
      return "ATTACH";
    case SQLITE_DETACH:
      return "DETACH";
    case SQLITE_TRANSACTION:
      return "a transaction";
    default:
      return "";
  }
}

int OnProgress(void* state) { return static_cast<QueryState*>(state)->check() ? 0 : 1; }

// Byte of `word` in `sql`, ASCII case ignored.
std::optional<size_t> Find(std::string_view sql, std::string_view word) {
  if (word.empty()) return std::nullopt;
  const auto found = std::ranges::search(sql, word, [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) ==
           absl::ascii_tolower(static_cast<unsigned char>(b));
  });
  if (found.empty()) return std::nullopt;
  return static_cast<size_t>(found.begin() - sql.begin());
}

absl::Status SqlError(std::string_view what, std::optional<size_t> offset) {
  return absl::InvalidArgumentError(offset.has_value()
                                        ? fmt::format("sql: {} at position {}", what, *offset + 1)
                                        : fmt::format("sql: {}", what));
}

}  // namespace

absl::StatusOr<std::unique_ptr<QueryConnection>> QueryConnection::Open(
    const std::vector<RowTable>& tables, QueryState& state, size_t max_value_bytes) {
  std::unique_ptr<QueryConnection> connection(new QueryConnection(state));
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
  int result = sqlite3_open_v2(":memory:", &connection->db_, flags, nullptr);
  if (result == SQLITE_OK) result = connection->SetUp(tables, max_value_bytes);
  if (result == SQLITE_OK) return connection;
  return absl::InternalError(
      fmt::format("cannot open an in-memory database: {}", sqlite3_errstr(result)));
}

QueryConnection::~QueryConnection() { sqlite3_close(db_); }

// Limits and authorizer come last: what is set up here is not under them.
int QueryConnection::SetUp(const std::vector<RowTable>& tables, size_t max_value_bytes) {
  constexpr std::pair<int, int> kSettings[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_DQS_DML, 0},
      {SQLITE_DBCONFIG_DQS_DDL, 0},
      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
      {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
  };
  for (const auto& [setting, value] : kSettings) {
    if (const int r = sqlite3_db_config(db_, setting, value, nullptr); r != SQLITE_OK) return r;
  }
  const char* pragmas = "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;";
  if (const int r = sqlite3_exec(db_, pragmas, nullptr, nullptr, nullptr); r != SQLITE_OK) return r;
  if (const int r = state_.regexps.AddFunction(db_); r != SQLITE_OK) return r;
  if (state_.events != nullptr || state_.is_check) {
    if (const int r = AddHistoryTables(db_, &state_); r != SQLITE_OK) return r;
    for (const sql::EventTable& table : sql::EventTables()) {
      if (const int r = Declare(table.name); r != SQLITE_OK) return r;
    }
  }
  if (const int r = AddRowTables(db_, tables, &state_); r != SQLITE_OK) return r;
  for (const RowTable& table : tables) {
    if (const int r = Declare(table.name); r != SQLITE_OK) return r;
  }
  for (const char* table : {"json_each", "json_tree"}) {
    if (const int r = Declare(table); r != SQLITE_OK) return r;
  }
  for (const auto& [limit, value] : kLimits) sqlite3_limit(db_, limit, value);
  sqlite3_limit(db_, SQLITE_LIMIT_LENGTH, static_cast<int>(max_value_bytes));
  sqlite3_progress_handler(db_, kInstructionsPerCheck, OnProgress, &state_);
  return sqlite3_set_authorizer(db_, Authorize, this);
}

// A table declares its columns when it is first named, which the authorizer would refuse.
int QueryConnection::Declare(const std::string& table) {
  tables_[table] = true;
  const std::string sql = fmt::format("SELECT 1 FROM {}", table);
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
  sqlite3_finalize(statement);
  return result;
}

int QueryConnection::Authorize(void* self, int action, const char* a, const char* b,
                               const char* /*database*/, const char* /*view*/) {
  auto& connection = *static_cast<QueryConnection*>(self);
  const auto text = [](const char* s) { return std::string(s == nullptr ? "" : s); };
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:  // without an end, it is cut off
      return SQLITE_OK;
    case SQLITE_READ: {
      std::string table = text(a);
      std::ranges::transform(table, table.begin(), absl::ascii_tolower);
      if (connection.tables_.contains(table)) return SQLITE_OK;
      // What a WITH names is told like a table where none of its columns is read, as by count(*).
      // A table of SQLite's own has a name that is reserved, or declares its columns below.
      if (text(b).empty() && !table.starts_with("sqlite_")) return SQLITE_OK;
      return connection.Refuse(fmt::format("table \"{}\" cannot be read here", text(a)), text(a));
    }
    case SQLITE_FUNCTION:
      if (MayCall(text(b))) return SQLITE_OK;
      return connection.Refuse(fmt::format("function {}() is not allowed", text(b)), text(b));
    default: {
      // A table that is not of this room declares its columns.
      if (action == SQLITE_UPDATE && text(a) == "sqlite_master") {
        return connection.Refuse("a table that cannot be read here", "");
      }
      const std::string_view name = ActionName(action);
      return connection.Refuse(
          fmt::format("{} is not allowed, one SELECT is", name.empty() ? "this" : name), name);
    }
  }
}

int QueryConnection::Refuse(std::string reason, std::string_view word) {
  if (refusal_.empty()) {
    refusal_ = std::move(reason);
    refused_word_ = std::string(word);
  }
  return SQLITE_DENY;
}

absl::Status QueryConnection::Explain(const std::string& sql) {
  if (!refusal_.empty()) return SqlError(refusal_, Find(sql, refused_word_));
  const int offset = sqlite3_error_offset(db_);
  return SqlError(sqlite3_errmsg(db_),
                  offset < 0 ? std::nullopt : std::optional<size_t>(static_cast<size_t>(offset)));
}

absl::StatusOr<sqlite3_stmt*> QueryConnection::Prepare(const std::string& sql) {
  if (sql.find('\0') != std::string::npos) return SqlError("a NUL byte", sql.find('\0'));
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, &rest) != SQLITE_OK) {
    return Explain(sql);
  }
  if (statement == nullptr) return SqlError("no statement", std::nullopt);
  absl::Status status;
  sqlite3_stmt* second = nullptr;
  const auto rest_offset = static_cast<size_t>(rest - sql.c_str());
  if (sqlite3_prepare_v2(db_, rest, -1, &second, nullptr) != SQLITE_OK || second != nullptr) {
    status = SqlError("a second statement", rest_offset);
  } else if (sqlite3_stmt_readonly(statement) == 0 || sqlite3_column_count(statement) == 0 ||
             sqlite3_stmt_isexplain(statement) != 0) {
    status = SqlError("not a SELECT", 0);
  }
  sqlite3_finalize(second);
  if (status.ok()) return statement;
  sqlite3_finalize(statement);
  return status;
}

}  // namespace daemoneye::storage
