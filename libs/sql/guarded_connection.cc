#include "libs/sql/guarded_connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "libs/base/status_macros.h"
#include "libs/sql/live_table.h"

namespace daemoneye::sql {
namespace {

// The process-wide advice to SQLite's caches, unless another room has set one.
constexpr int64_t kSoftHeapBytes = 64 * 1024 * 1024;
// A function call may take long, so time is asked for often.
constexpr int kInstructionsPerCheck = 100;

constexpr std::pair<int, int> kLimits[] = {
    {SQLITE_LIMIT_LENGTH, kMaxCellBytes},
    {SQLITE_LIMIT_SQL_LENGTH, 17 * 1024},
    {SQLITE_LIMIT_COLUMN, 256},
    {SQLITE_LIMIT_EXPR_DEPTH, 100},
    {SQLITE_LIMIT_COMPOUND_SELECT, 8},
    {SQLITE_LIMIT_VDBE_OP, 25'000},
    {SQLITE_LIMIT_FUNCTION_ARG, 32},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, kMaxPatternBytes},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 0},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 0},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
};

// Sorted. Each works on its arguments alone and ends soon: no call can be interrupted, and within
// the limits below the longest (GLOB) takes 0.1 s. trim takes 0.7 s with a long set of characters.
constexpr auto kFunctions = std::to_array<std::string_view>(
    {"->",        "->>",          "abs",       "char",      "coalesce",   "glob",
     "hex",       "ifnull",       "iif",       "instr",     "json",       "json_array_length",
     "json_each", "json_extract", "json_tree", "json_type", "json_valid", "length",
     "like",      "likelihood",   "likely",    "lower",     "max",        "min",
     "nullif",    "quote",        "regexp",    "replace",   "round",      "sign",
     "substr",    "substring",    "typeof",    "unicode",   "unlikely",   "upper"});
static_assert(std::ranges::is_sorted(kFunctions));

// Aggregates and window functions: refused by another sentence. min and max with one argument are
// found in the bytecode.
constexpr auto kAggregates = std::to_array<std::string_view>(
    {"avg", "count", "cume_dist", "dense_rank", "first_value", "group_concat", "json_group_array",
     "json_group_object", "lag", "last_value", "lead", "nth_value", "ntile", "percent_rank", "rank",
     "row_number", "sum", "total"});
static_assert(std::ranges::is_sorted(kAggregates));

// What a statement did that it may not, for the actions that say themselves what they are.
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
    case SQLITE_RECURSIVE:
      return "RECURSIVE";
    default:
      return "";
  }
}

int OnProgress(void* budget) { return static_cast<Budget*>(budget)->Check() ? 0 : 1; }

void AdviseHeapOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (sqlite3_soft_heap_limit64(-1) == 0) sqlite3_soft_heap_limit64(kSoftHeapBytes);
  });
}

}  // namespace

bool IsAllowedFunction(std::string_view name) {
  return std::ranges::any_of(kFunctions, [&](std::string_view allowed) {
    return absl::EqualsIgnoreCase({allowed.data(), allowed.size()}, {name.data(), name.size()});
  });
}

absl::StatusOr<std::unique_ptr<GuardedConnection>> GuardedConnection::Open(
    const GuardedConnectionOptions& options) {
  std::unique_ptr<GuardedConnection> connection(new GuardedConnection(options));
  RETURN_IF_ERROR(connection->Initialize());
  return connection;
}

GuardedConnection::GuardedConnection(const GuardedConnectionOptions& options)
    : options_(options),
      budget_(options.event_budget, options.call_budget, options.memory_budget_bytes) {}

GuardedConnection::~GuardedConnection() { sqlite3_close(db_); }

absl::Status GuardedConnection::Initialize() {
  AdviseHeapOnce();
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
  int result = sqlite3_open_v2(":memory:", &db_, flags, nullptr);
  if (result == SQLITE_OK) result = SetUp();
  if (result == SQLITE_OK) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("cannot open an in-memory database: {}", sqlite3_errstr(result)));
}

// Limits and authorizer come last: what is set up here is not under them.
int GuardedConnection::SetUp() {
  rows_.budget = &budget_;
  rows_.regexps = &regexps_;
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
  // The tables of JSON are declared when they are first named, which the authorizer would refuse.
  const char* sql =
      "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;"
      "SELECT 1 FROM json_each('[]'), json_tree('[]');";
  if (const int r = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr); r != SQLITE_OK) return r;
  if (const int r = AddEventTables(db_, &rows_); r != SQLITE_OK) return r;
  for (const LiveTable* table : options_.live_tables) {
    if (const int r = AddLiveTable(db_, *table, &rows_); r != SQLITE_OK) return r;
  }
  if (const int r = regexps_.AddFunction(db_); r != SQLITE_OK) return r;
  for (const auto& [limit, value] : kLimits) sqlite3_limit(db_, limit, value);
  sqlite3_progress_handler(db_, kInstructionsPerCheck, OnProgress, &budget_);
  return sqlite3_set_authorizer(db_, Authorize, this);
}

int GuardedConnection::Authorize(void* self, int action, const char* a, const char* b,
                                 const char* /*database*/, const char* /*trigger*/) {
  auto& connection = *static_cast<GuardedConnection*>(self);
  if (connection.rows_.is_declaring) return SQLITE_OK;
  const auto text = [](const char* s) { return std::string_view(s == nullptr ? "" : s); };
  switch (action) {
    case SQLITE_SELECT:
      return SQLITE_OK;
    case SQLITE_READ:
      return connection.AuthorizeRead(text(a), text(b));
    case SQLITE_FUNCTION:
      return connection.AuthorizeFunction(text(b));
    default:
      return connection.RefuseAction(action, text(a));
  }
}

int GuardedConnection::RefuseAction(int action, std::string_view object) {
  // A table that is not of this room declares its columns.
  if (object == "sqlite_master") return Refuse("a table that cannot be read here", "");
  const std::string_view name = ActionName(action);
  return Refuse(fmt::format("{} is not allowed", name.empty() ? "this" : name), name,
                "a condition or one SELECT is");
}

const LiveTable* GuardedConnection::FindLiveTable(std::string_view name) const {
  for (const LiveTable* table : options_.live_tables) {
    const std::string& known = table->name();
    if (absl::EqualsIgnoreCase({known.data(), known.size()}, {name.data(), name.size()})) {
      return table;
    }
  }
  return nullptr;
}

int GuardedConnection::AuthorizeRead(std::string_view table, std::string_view column) {
  if (table == "json_each" || table == "json_tree") return SQLITE_OK;
  if (const LiveTable* live = FindLiveTable(table); live != nullptr) {
    if (column == "ROWID") return Refuse("unknown column \"rowid\"", "rowid");
    if (std::ranges::find(seen_.live_tables, live) == seen_.live_tables.end()) {
      seen_.live_tables.push_back(live);
    }
    return SQLITE_OK;
  }
  const EventTable* event_table = FindEventTable(table);
  if (event_table == nullptr) {
    return Refuse(fmt::format("table \"{}\" cannot be read here", table), table);
  }
  if (seen_.table != nullptr && seen_.table != event_table) {
    return Refuse(
        "a second event table", table,
        fmt::format("{} is read already, and an event is of one kind", seen_.table->name));
  }
  seen_.table = event_table;
  if (column == "ROWID") return Refuse("unknown column \"rowid\"", "rowid");
  return SQLITE_OK;
}

int GuardedConnection::AuthorizeFunction(std::string_view name) {
  if (IsAllowedFunction(name)) return SQLITE_OK;
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), absl::ascii_tolower);
  if (std::ranges::binary_search(kAggregates, std::string_view(lower))) {
    if (options_.allows_aggregates) return SQLITE_OK;
    return Refuse(fmt::format("aggregate {}()", lower), lower, options_.aggregate_hint);
  }
  return Refuse(fmt::format("function {}() is not allowed", lower), lower);
}

int GuardedConnection::Refuse(std::string reason, std::string_view word, std::string_view hint) {
  if (seen_.refusal.empty()) {
    seen_.refusal = std::move(reason);
    seen_.word = std::string(word);
    seen_.hint = std::string(hint);
  }
  return SQLITE_DENY;
}

}  // namespace daemoneye::sql
