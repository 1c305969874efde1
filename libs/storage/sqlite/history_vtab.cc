#include "libs/storage/sqlite/history_vtab.h"

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/sql/constraint.h"
#include "libs/sql/event_tables.h"
#include "libs/storage/sqlite/event_columns.h"
#include "libs/storage/sqlite/history_plan.h"
#include "libs/storage/sqlite/history_sql.h"

namespace daemoneye::storage {
namespace {

// In the planner's own unit: an origin is a look-up, a range of times some of the file.
constexpr double kLookUpCost = 10;
constexpr double kRangeCost = 1e5;
constexpr double kFullScanCost = 1e7;
constexpr double kScanRows = 1e6;

// A plan is a text: the order, then a step a constraint: operator, column in two digits.
constexpr size_t kStepBytes = 3;
constexpr int kDigitBase = 64;
constexpr char kAnyOrder = '-';
constexpr char kAscending = 'A';
constexpr char kDescending = 'D';

struct Table : sqlite3_vtab {
  Table(const sql::EventTable& t, QueryState& s) : sqlite3_vtab{}, table(t), columns(t), state(s) {}
  const sql::EventTable& table;
  const SearchColumns columns;
  QueryState& state;
};

struct TableContext {
  const sql::EventTable* table;
  QueryState* state;
};

struct Cursor : sqlite3_vtab_cursor {
  Cursor() : sqlite3_vtab_cursor{} {}
  std::unique_ptr<SQLite::Statement> rows;
  std::vector<sql::Constraint> constraints;
  v1::CollectionEvent event;
  std::string scratch;
  int64_t row_id = 0;
  bool is_at_end = true;
};

Table& TableOf(sqlite3_vtab* table) { return *static_cast<Table*>(table); }
Table& TableOf(sqlite3_vtab_cursor* cursor) { return TableOf(cursor->pVtab); }
Cursor& CursorOf(sqlite3_vtab_cursor* cursor) { return *static_cast<Cursor*>(cursor); }

int Connect(sqlite3* db, void* aux, int /*argc*/, const char* const* /*argv*/, sqlite3_vtab** table,
            char** /*error*/) {
  const auto& context = *static_cast<const TableContext*>(aux);
  const int result = sqlite3_declare_vtab(db, context.table->Declaration().c_str());
  if (result == SQLITE_OK) *table = new Table(*context.table, *context.state);
  return result;
}

int Disconnect(sqlite3_vtab* table) {
  delete &TableOf(table);
  return SQLITE_OK;
}

std::optional<sql::ConstraintOp> OpOf(unsigned char op) {
  switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
      return sql::ConstraintOp::kEq;
    case SQLITE_INDEX_CONSTRAINT_LT:
      return sql::ConstraintOp::kLt;
    case SQLITE_INDEX_CONSTRAINT_LE:
      return sql::ConstraintOp::kLe;
    case SQLITE_INDEX_CONSTRAINT_GT:
      return sql::ConstraintOp::kGt;
    case SQLITE_INDEX_CONSTRAINT_GE:
      return sql::ConstraintOp::kGe;
    case SQLITE_INDEX_CONSTRAINT_LIKE:
      return sql::ConstraintOp::kLike;
    case SQLITE_INDEX_CONSTRAINT_GLOB:
      return sql::ConstraintOp::kGlob;
    case SQLITE_INDEX_CONSTRAINT_REGEXP:
      return sql::ConstraintOp::kRegexp;
    default:
      return std::nullopt;
  }
}

bool IsPattern(sql::ConstraintOp op) {
  return op == sql::ConstraintOp::kLike || op == sql::ConstraintOp::kGlob ||
         op == sql::ConstraintOp::kRegexp;
}

// How the table would check constraint `i`, if it can.
std::optional<sql::ConstraintOp> Usable(sqlite3_index_info* info, int i, const Table& table) {
  const auto& constraint = info->aConstraint[i];
  if (!constraint.usable || constraint.iColumn < 0) return std::nullopt;
  const std::optional<sql::ConstraintOp> op = OpOf(constraint.op);
  if (!op) return std::nullopt;
  const bool is_text = table.table.columns[constraint.iColumn].type() == sql::CellType::kText;
  if (IsPattern(*op)) return is_text ? op : std::nullopt;
  if (is_text && std::strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0) return std::nullopt;
  // All values of an IN at once; but the parts of an origin are better looked up one by one.
  const bool is_origin =
      constraint.iColumn == table.columns.stream_id || constraint.iColumn == table.columns.sequence;
  if (*op == sql::ConstraintOp::kEq && !is_origin && sqlite3_vtab_in(info, i, -1)) {
    sqlite3_vtab_in(info, i, 1);
    return sql::ConstraintOp::kIn;
  }
  return op;
}

char OrderOf(const sqlite3_index_info& info, const Table& table) {
  if (info.nOrderBy != 1 || info.aOrderBy[0].iColumn != table.columns.event_time) return kAnyOrder;
  return info.aOrderBy[0].desc ? kDescending : kAscending;
}

int BestIndex(sqlite3_vtab* base, sqlite3_index_info* info) {
  const Table& table = TableOf(base);
  std::string plan(1, OrderOf(*info, table));
  int count = 0;
  bool has_stream = false, has_sequence = false, has_time = false, has_key = false;
  for (int i = 0; i < info->nConstraint; ++i) {
    const std::optional<sql::ConstraintOp> op = Usable(info, i, table);
    if (!op) continue;
    const int column = info->aConstraint[i].iColumn;
    has_stream |= column == table.columns.stream_id && *op == sql::ConstraintOp::kEq;
    has_sequence |= column == table.columns.sequence && *op == sql::ConstraintOp::kEq;
    has_time |= column == table.columns.event_time && !IsPattern(*op);
    has_key |= *op == sql::ConstraintOp::kEq &&
               (column == table.columns.process_key || column == table.columns.name);
    plan.push_back(static_cast<char>(*op));
    plan.push_back(static_cast<char>('0' + column / kDigitBase));
    plan.push_back(static_cast<char>('0' + column % kDigitBase));
    info->aConstraintUsage[i].argvIndex = ++count;
  }
  const bool is_look_up = has_stream && has_sequence;
  if (is_look_up) plan[0] = kAnyOrder;
  info->orderByConsumed = plan[0] != kAnyOrder;
  info->idxNum = count;
  info->idxStr = sqlite3_mprintf("%s", plan.c_str());
  if (info->idxStr == nullptr) return SQLITE_NOMEM;
  info->needToFreeIdxStr = 1;
  info->estimatedCost = (is_look_up            ? kLookUpCost
                         : has_time || has_key ? kRangeCost
                                               : kFullScanCost) /
                        (1 + count);
  info->estimatedRows = is_look_up ? 1 : static_cast<sqlite3_int64>(kScanRows / (1 + 9 * count));
  return SQLITE_OK;
}

int Open(sqlite3_vtab* /*table*/, sqlite3_vtab_cursor** cursor) {
  *cursor = new Cursor;
  return SQLITE_OK;
}

int Close(sqlite3_vtab_cursor* cursor) {
  delete &CursorOf(cursor);
  return SQLITE_OK;
}

// Runs `work`, turning what it throws into the query's failure.
template <typename Work>
int Guarded(sqlite3_vtab_cursor* base, Work&& work) {
  QueryState& state = TableOf(base).state;
  int result = SQLITE_OK;
  const absl::Status status = state.events->Run([&](Connection& c) -> absl::Status {
    result = work(c);
    return absl::OkStatus();
  });
  if (status.ok()) return result;
  // Cut off on the connection that reads: the reason is known to who cut it off.
  if (absl::IsCancelled(status)) return SQLITE_INTERRUPT;
  state.failure = status;
  return SQLITE_ERROR;
}

HistoryOrder OrderIn(const char* plan) {
  return plan[0] == kAscending    ? HistoryOrder::kAscending
         : plan[0] == kDescending ? HistoryOrder::kDescending
                                  : HistoryOrder::kAny;
}

// Moves on to the next row whose constraints may hold.
int Settle(sqlite3_vtab_cursor* base, Connection& /*connection*/) {
  Cursor& cursor = CursorOf(base);
  QueryState& state = TableOf(base).state;
  while (true) {
    if (!cursor.rows->executeStep()) {
      cursor.is_at_end = true;
      return SQLITE_OK;
    }
    ++state.scanned;
    if (state.scanned % 64 == 0 && !state.check()) return SQLITE_INTERRUPT;
    cursor.row_id = cursor.rows->getColumn(0).getInt64();
    const std::string_view bytes = BytesOf(cursor.rows->getColumn(1));
    // The answer says that it lacks one; the rest of it is still worth having.
    if (!cursor.event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      ++state.unreadable;
      continue;
    }
    bool may_match = true;
    for (const sql::Constraint& constraint : cursor.constraints) {
      may_match = constraint.MayHold(constraint.column().Get(cursor.event, &cursor.scratch));
      if (!may_match) break;
    }
    if (may_match) return SQLITE_OK;
  }
}

int Filter(sqlite3_vtab_cursor* base, int count, const char* plan_text, int argc,
           sqlite3_value** argv) {
  Cursor& cursor = CursorOf(base);
  Table& table = TableOf(base);
  cursor.constraints.clear();
  cursor.rows.reset();
  cursor.is_at_end = false;
  HistoryPlan plan;
  for (int i = 0; i < count && i < argc; ++i) {
    const char* step = plan_text + 1 + i * kStepBytes;
    const auto op = static_cast<sql::ConstraintOp>(step[0]);
    const int column = (step[1] - '0') * kDigitBase + (step[2] - '0');
    if (plan.Narrow(table.table, table.columns, op, column, argv[i])) continue;
    const auto index = static_cast<size_t>(column);
    auto constraint =
        sql::Constraint::Make(op, table.table.columns[index], index, argv[i], table.state.regexps);
    if (constraint) cursor.constraints.push_back(*std::move(constraint));
  }
  // An origin says nothing of a range of times.
  if (!plan.stream_id.has_value()) table.state.Widen(plan.since, plan.until);
  if (plan.is_empty || plan.since > plan.until) {
    cursor.is_at_end = true;
    return SQLITE_OK;
  }
  return Guarded(base, [&](Connection& c) {
    cursor.rows = OpenHistory(c, table.table, plan, OrderIn(plan_text), table.state.blocks);
    return Settle(base, c);
  });
}

int Next(sqlite3_vtab_cursor* base) {
  return Guarded(base, [&](Connection& c) { return Settle(base, c); });
}

int Eof(sqlite3_vtab_cursor* base) { return CursorOf(base).is_at_end ? 1 : 0; }

int ReadColumn(sqlite3_vtab_cursor* base, sqlite3_context* context, int index) {
  Cursor& cursor = CursorOf(base);
  const sql::Cell cell =
      TableOf(base).table.columns[static_cast<size_t>(index)].Get(cursor.event, &cursor.scratch);
  switch (cell.type) {
    case sql::CellType::kNull:
      break;
    case sql::CellType::kInteger:
      sqlite3_result_int64(context, cell.integer);
      break;
    case sql::CellType::kReal:
      sqlite3_result_double(context, cell.real);
      break;
    case sql::CellType::kText:
      // The event changes with the next row.
      sqlite3_result_text(context, cell.text.data(), static_cast<int>(cell.text.size()),
                          SQLITE_TRANSIENT);
      break;
  }
  return SQLITE_OK;
}

int RowId(sqlite3_vtab_cursor* base, sqlite3_int64* row_id) {
  *row_id = CursorOf(base).row_id;
  return SQLITE_OK;
}

constexpr sqlite3_module MakeModule() {
  sqlite3_module module{};
  module.xConnect = Connect;  // no xCreate: eponymous only
  module.xBestIndex = BestIndex;
  module.xDisconnect = Disconnect;
  module.xOpen = Open;
  module.xClose = Close;
  module.xFilter = Filter;
  module.xNext = Next;
  module.xEof = Eof;
  module.xColumn = ReadColumn;
  module.xRowid = RowId;
  return module;
}

constexpr sqlite3_module kModule = MakeModule();

void DeleteContext(void* context) { delete static_cast<TableContext*>(context); }

}  // namespace

int AddHistoryTables(sqlite3* db, QueryState* state) {
  for (const sql::EventTable& table : sql::EventTables()) {
    // SQLite deletes the context, also when this fails.
    auto* context = new TableContext{.table = &table, .state = state};
    const int result =
        sqlite3_create_module_v2(db, table.name.c_str(), &kModule, context, DeleteContext);
    if (result != SQLITE_OK) return result;
  }
  return SQLITE_OK;
}

}  // namespace daemoneye::storage
