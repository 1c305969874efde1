#include "libs/sql/event_vtab.h"

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/sql/bytecode.h"
#include "libs/sql/constraint.h"
#include "libs/sql/sql_result.h"

namespace daemoneye::sql {
namespace {

// What a full scan costs against a constrained one, in the planner's own unit; high, so that a
// constraint on each branch of an OR is taken.
constexpr double kFullScanCost = 1e5;
constexpr double kConstrainedCost = 20;
// Most terms let no event of many through; said so, the planner asks the events first and looks up
// in live tables for what is left. The other way round a term could not be known beforehand.
constexpr sqlite3_int64 kConstrainedRows = 1;

// A plan is a text: kEventPlanMark, its number, a colon, and then one step a constraint: operator,
// the column in two digits, and whether the value is a constant of the statement's text.
constexpr size_t kStepBytes = 4;
constexpr char kConstant = 'c';
constexpr char kVariable = 'v';
constexpr int kDigitBase = 64;

struct TableContext {
  const EventTable* table;
  EventRows* rows;
};

struct Table : sqlite3_vtab {
  explicit Table(const TableContext& c) : sqlite3_vtab{}, context(c) {}
  TableContext context;
};

struct Cursor : sqlite3_vtab_cursor {
  Cursor() : sqlite3_vtab_cursor{} {}
  size_t row = 0;
  std::vector<Constraint> constraints;
  std::string scratch;
};

Table& TableOf(sqlite3_vtab* table) { return *static_cast<Table*>(table); }
Cursor& CursorOf(sqlite3_vtab_cursor* cursor) { return *static_cast<Cursor*>(cursor); }
EventRows& RowsOf(sqlite3_vtab_cursor* cursor) { return *TableOf(cursor->pVtab).context.rows; }

int Connect(sqlite3* db, void* aux, int /*argc*/, const char* const* /*argv*/, sqlite3_vtab** table,
            char** /*error*/) {
  const auto& context = *static_cast<const TableContext*>(aux);
  context.rows->is_declaring = true;
  const int result = sqlite3_declare_vtab(db, context.table->Declaration().c_str());
  context.rows->is_declaring = false;
  if (result == SQLITE_OK) *table = new Table(context);
  return result;
}

int Disconnect(sqlite3_vtab* table) {
  delete &TableOf(table);
  return SQLITE_OK;
}

std::optional<ConstraintOp> OpOf(unsigned char op) {
  switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
      return ConstraintOp::kEq;
    case SQLITE_INDEX_CONSTRAINT_LT:
      return ConstraintOp::kLt;
    case SQLITE_INDEX_CONSTRAINT_LE:
      return ConstraintOp::kLe;
    case SQLITE_INDEX_CONSTRAINT_GT:
      return ConstraintOp::kGt;
    case SQLITE_INDEX_CONSTRAINT_GE:
      return ConstraintOp::kGe;
    case SQLITE_INDEX_CONSTRAINT_LIKE:
      return ConstraintOp::kLike;
    case SQLITE_INDEX_CONSTRAINT_GLOB:
      return ConstraintOp::kGlob;
    case SQLITE_INDEX_CONSTRAINT_REGEXP:
      return ConstraintOp::kRegexp;
    default:
      return std::nullopt;
  }
}

// How the table would check constraint `i`, if it can.
std::optional<ConstraintOp> Usable(sqlite3_index_info* info, int i, const EventTable& table) {
  const auto& constraint = info->aConstraint[i];
  if (!constraint.usable || constraint.iColumn < 0) return std::nullopt;
  const std::optional<ConstraintOp> op = OpOf(constraint.op);
  if (!op) return std::nullopt;
  const bool is_text = table.columns[constraint.iColumn].type() == CellType::kText;
  if (*op == ConstraintOp::kLike || *op == ConstraintOp::kGlob || *op == ConstraintOp::kRegexp) {
    return is_text ? op : std::nullopt;
  }
  if (is_text && std::strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0) return std::nullopt;
  // All values of an IN at once, instead of a scan for each.
  if (*op == ConstraintOp::kEq && sqlite3_vtab_in(info, i, -1)) {
    sqlite3_vtab_in(info, i, 1);
    return ConstraintOp::kIn;
  }
  return op;
}

// Takes every constraint that can narrow. SQLite checks each row again: omit stays 0.
int BestIndex(sqlite3_vtab* table, sqlite3_index_info* info) {
  const EventTable& event_table = *TableOf(table).context.table;
  std::string plan =
      kEventPlanMark + std::to_string(TableOf(table).context.rows->next_plan++) + ":";
  int count = 0;
  for (int i = 0; i < info->nConstraint; ++i) {
    const std::optional<ConstraintOp> op = Usable(info, i, event_table);
    if (!op) continue;
    const int column = info->aConstraint[i].iColumn;
    plan.push_back(static_cast<char>(*op));
    plan.push_back(static_cast<char>('0' + column / kDigitBase));
    plan.push_back(static_cast<char>('0' + column % kDigitBase));
    sqlite3_value* constant = nullptr;
    const bool is_constant =
        *op == ConstraintOp::kIn || (sqlite3_vtab_rhs_value(info, i, &constant) == SQLITE_OK);
    plan.push_back(is_constant ? kConstant : kVariable);
    info->aConstraintUsage[i].argvIndex = ++count;
  }
  info->idxNum = count;
  info->idxStr = sqlite3_mprintf("%s", plan.c_str());
  if (info->idxStr == nullptr) return SQLITE_NOMEM;
  info->needToFreeIdxStr = 1;
  info->estimatedCost = count == 0 ? kFullScanCost : kConstrainedCost / count;
  if (count > 0) info->estimatedRows = kConstrainedRows;
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

int CutOff(sqlite3_vtab_cursor* cursor) {
  RowsOf(cursor).current = EventRows::kNone;
  return SQLITE_INTERRUPT;
}

Cell ReadCell(sqlite3_vtab_cursor* base, size_t column) {
  Cursor& cursor = CursorOf(base);
  const EventRows& rows = RowsOf(base);
  if (rows.cells != nullptr) return rows.cells->Get(rows.places[cursor.row], column);
  const EventTable& table = *TableOf(base->pVtab).context.table;
  return table.columns[column].Get(*rows.events[cursor.row], &cursor.scratch);
}

// Moves on from `cursor.row` to the first row whose constraints may hold.
int Settle(sqlite3_vtab_cursor* base) {
  Cursor& cursor = CursorOf(base);
  EventRows& rows = RowsOf(base);
  for (; cursor.row < rows.events.size(); ++cursor.row) {
    size_t bytes = 0;
    bool may_match = true;
    for (const Constraint& constraint : cursor.constraints) {
      const Cell cell = ReadCell(base, constraint.column_index());
      bytes += cell.text.size();
      may_match = constraint.MayHold(cell);
      if (!may_match) break;
    }
    if (!rows.budget->Spend(1 + bytes / 16)) return CutOff(base);
    if (may_match) break;
  }
  rows.current = cursor.row < rows.events.size() ? cursor.row : EventRows::kNone;
  rows.budget->StartEvent();
  return SQLITE_OK;
}

// The constraints that the steps of `plan` and their values make; only those with constants, or
// all. The values of a list must be read in any case.
std::vector<Constraint> MakeConstraints(sqlite3_vtab_cursor* base, std::string_view plan,
                                        sqlite3_value** argv, bool constants_only) {
  const EventTable& table = *TableOf(base->pVtab).context.table;
  plan.remove_prefix(plan.find(':') + 1);
  std::vector<Constraint> constraints;
  for (; plan.size() >= kStepBytes; plan.remove_prefix(kStepBytes), ++argv) {
    if (constants_only && plan[3] != kConstant) continue;
    const size_t column = static_cast<size_t>(plan[1] - '0') * kDigitBase + (plan[2] - '0');
    auto constraint = Constraint::Make(static_cast<ConstraintOp>(plan[0]), table.columns[column],
                                       column, *argv, *RowsOf(base).regexps);
    if (constraint) constraints.push_back(*std::move(constraint));
  }
  return constraints;
}

int Filter(sqlite3_vtab_cursor* base, int count, const char* plan, int argc, sqlite3_value** argv) {
  Cursor& cursor = CursorOf(base);
  EventRows& rows = RowsOf(base);
  cursor.row = 0;
  cursor.constraints.clear();
  const bool has_values = count == argc && plan != nullptr;
  if (rows.learned != nullptr && has_values) {
    rows.learned->push_back(
        {.plan = plan, .constants = MakeConstraints(base, plan, argv, /*constants_only=*/true)});
  }
  // For a single row SQLite's own check costs less than reading the values.
  if (rows.events.size() > 1 && has_values && !rows.are_checked) {
    cursor.constraints = MakeConstraints(base, plan, argv, /*constants_only=*/false);
  }
  return Settle(base);
}

int Next(sqlite3_vtab_cursor* base) {
  ++CursorOf(base).row;
  return Settle(base);
}

int Eof(sqlite3_vtab_cursor* base) { return CursorOf(base).row >= RowsOf(base).events.size(); }

int ReadColumn(sqlite3_vtab_cursor* base, sqlite3_context* context, int index) {
  SetResult(context, ReadCell(base, index));
  return SQLITE_OK;
}

// Only for SQLite's own use (OR plans); the guards refuse it in a statement.
int RowId(sqlite3_vtab_cursor* base, sqlite3_int64* row_id) {
  *row_id = static_cast<sqlite3_int64>(CursorOf(base).row);
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

int AddEventTables(sqlite3* db, EventRows* rows) {
  for (const EventTable& table : EventTables()) {
    // SQLite deletes the context, also when this fails.
    auto* context = new TableContext{.table = &table, .rows = rows};
    const int result =
        sqlite3_create_module_v2(db, table.name.c_str(), &kModule, context, DeleteContext);
    if (result != SQLITE_OK) return result;
  }
  return SQLITE_OK;
}

}  // namespace daemoneye::sql
