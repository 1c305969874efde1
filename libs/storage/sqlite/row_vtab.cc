#include "libs/storage/sqlite/row_vtab.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "libs/sql/live_table.h"

namespace daemoneye::storage {
namespace {

// In the planner's own unit.
constexpr double kScanCost = 1e5;
constexpr sqlite3_int64 kScanRows = 1000;
constexpr double kLookUpCost = 10;
constexpr uint64_t kStepsPerCheck = 64;

// Which rows may hold a value, by column; made when a column is first looked up in.
using RowIndices = std::map<int, sql::CellIndex>;

struct TableContext {
  const RowTable* table;
  QueryState* state;
  RowIndices indices;
};

struct Table : sqlite3_vtab {
  explicit Table(TableContext& c) : sqlite3_vtab{}, context(c) {}
  TableContext& context;
};

struct Cursor : sqlite3_vtab_cursor {
  Cursor() : sqlite3_vtab_cursor{} {}
  std::unique_ptr<RowCursor> rows;
  // Of a look-up: the rows found, and how many were given.
  std::optional<std::span<const uint32_t>> found;
  size_t given = 0;
  int64_t row_id = 0;
  uint64_t steps = 0;
  bool is_at_end = true;
};

TableContext& ContextOf(sqlite3_vtab_cursor* cursor) {
  return static_cast<Table*>(cursor->pVtab)->context;
}
Cursor& CursorOf(sqlite3_vtab_cursor* cursor) { return *static_cast<Cursor*>(cursor); }

std::string Declaration(const RowTable& table) {
  std::string sql = fmt::format("CREATE TABLE {}(", table.name);
  for (const RowColumn& column : table.columns) {
    fmt::format_to(std::back_inserter(sql), "{}\"{}\" {}", sql.back() == '(' ? "" : ",",
                   column.name, column.type);
  }
  return sql + ")";
}

int Connect(sqlite3* db, void* aux, int /*argc*/, const char* const* /*argv*/, sqlite3_vtab** table,
            char** /*error*/) {
  auto& context = *static_cast<TableContext*>(aux);
  const int result = sqlite3_declare_vtab(db, Declaration(*context.table).c_str());
  if (result == SQLITE_OK) *table = new Table(context);
  return result;
}

int Disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

// Takes one equality: the plan is its column and 1, or 0. SQLite checks the rows again.
int BestIndex(sqlite3_vtab* table, sqlite3_index_info* info) {
  info->estimatedCost = kScanCost;
  info->estimatedRows = kScanRows;
  const RowTable& rows = *static_cast<Table*>(table)->context.table;
  for (int i = 0; rows.is_live && i < info->nConstraint && info->idxNum == 0; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (constraint.usable == 0 || constraint.iColumn < 0) continue;
    if (constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    const bool is_text = rows.columns[static_cast<size_t>(constraint.iColumn)].type == "TEXT";
    if (is_text && std::strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0) continue;
    info->idxNum = constraint.iColumn + 1;
    info->aConstraintUsage[i].argvIndex = 1;
    info->estimatedCost = kLookUpCost;
    info->estimatedRows = 4;
  }
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

int Fail(sqlite3_vtab_cursor* base, const absl::Status& status) {
  ContextOf(base).state->failure = status;
  return SQLITE_ERROR;
}

int Next(sqlite3_vtab_cursor* base) {
  Cursor& cursor = CursorOf(base);
  if (++cursor.steps % kStepsPerCheck == 0 && !ContextOf(base).state->check()) {
    return SQLITE_INTERRUPT;
  }
  ++cursor.row_id;
  if (!cursor.found.has_value()) {
    const absl::StatusOr<bool> next = cursor.rows->Next();
    if (!next.ok()) return Fail(base, next.status());
    cursor.is_at_end = !*next;
    return SQLITE_OK;
  }
  cursor.is_at_end = cursor.given == cursor.found->size();
  if (cursor.is_at_end) return SQLITE_OK;
  const uint32_t row = (*cursor.found)[cursor.given++];
  cursor.row_id = int64_t{row} + 1;
  const absl::Status moved = cursor.rows->MoveTo(row);
  return moved.ok() ? SQLITE_OK : Fail(base, moved);
}

// The cell that `value` is, where it can be looked up as a value of `type`; else a scan.
std::optional<sql::Cell> ReadKey(sqlite3_value* value, const std::string& type) {
  const bool is_text = type == "TEXT";
  switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
      return sql::Cell();
    case SQLITE_INTEGER:
      if (is_text) return std::nullopt;
      return sql::Cell{.type = sql::CellType::kInteger, .integer = sqlite3_value_int64(value)};
    case SQLITE_FLOAT:
      if (is_text) return std::nullopt;
      return sql::Cell{.type = sql::CellType::kReal, .real = sqlite3_value_double(value)};
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      if (!is_text || text == nullptr) return std::nullopt;
      return sql::Cell{.type = sql::CellType::kText,
                       .text = {text, static_cast<size_t>(sqlite3_value_bytes(value))}};
    }
    default:
      return std::nullopt;
  }
}

// The index of `column`, made from all rows when there is none yet; null with `result` set when
// that failed.
const sql::CellIndex* IndexOf(sqlite3_vtab_cursor* base, int column, int* result) {
  TableContext& context = ContextOf(base);
  const auto [entry, is_new] = context.indices.try_emplace(column);
  if (!is_new) return &entry->second;
  RowCursor& rows = *CursorOf(base).rows;
  const size_t size = rows.size().value_or(0);
  for (size_t i = 0; i < size && *result == SQLITE_OK; ++i) {
    if (i % kStepsPerCheck == 0 && !context.state->check()) *result = SQLITE_INTERRUPT;
    const absl::Status moved = rows.MoveTo(i);
    if (!moved.ok()) *result = Fail(base, moved);
    if (*result != SQLITE_OK) break;
    const sql::Cell cell = rows.Get(static_cast<size_t>(column));
    if (!cell.is_null()) entry->second.Add(sql::HashCell(cell), static_cast<uint32_t>(i));
  }
  if (*result == SQLITE_OK) return &entry->second;
  context.indices.erase(entry);
  return nullptr;
}

int Filter(sqlite3_vtab_cursor* base, int plan, const char* /*text*/, int argc,
           sqlite3_value** argv) {
  Cursor& cursor = CursorOf(base);
  const TableContext& context = ContextOf(base);
  absl::StatusOr<std::unique_ptr<RowCursor>> rows = context.table->open();
  if (!rows.ok()) return Fail(base, rows.status());
  context.state->has_read_observed |= context.table->is_observed;
  cursor.rows = *std::move(rows);
  cursor.row_id = 0;
  cursor.given = 0;
  cursor.found.reset();
  if (plan == 0 || argc != 1 || !cursor.rows->size().has_value()) return Next(base);
  const int column = plan - 1;
  const auto key = ReadKey(argv[0], context.table->columns[static_cast<size_t>(column)].type);
  if (!key.has_value()) return Next(base);
  cursor.found.emplace();
  if (key->is_null()) return Next(base);
  int result = SQLITE_OK;
  const sql::CellIndex* const index = IndexOf(base, column, &result);
  if (index == nullptr) return result;
  cursor.found = index->Find(sql::HashCell(*key));
  return Next(base);
}

int Eof(sqlite3_vtab_cursor* base) { return CursorOf(base).is_at_end ? 1 : 0; }

int ReadColumn(sqlite3_vtab_cursor* base, sqlite3_context* context, int index) {
  const sql::Cell cell = CursorOf(base).rows->Get(static_cast<size_t>(index));
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
  module.xConnect = Connect;
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

int AddRowTables(sqlite3* db, const std::vector<RowTable>& tables, QueryState* state) {
  for (const RowTable& table : tables) {
    auto* context = new TableContext{.table = &table, .state = state, .indices = {}};
    const int result =
        sqlite3_create_module_v2(db, table.name.c_str(), &kModule, context, DeleteContext);
    if (result != SQLITE_OK) return result;
  }
  return SQLITE_OK;
}

}  // namespace daemoneye::storage
