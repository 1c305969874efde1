#include "libs/sql/live_table.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "absl/hash/hash.h"
#include "libs/sql/sql_result.h"
#include "libs/sql/type_text.h"

namespace daemoneye::sql {
namespace {

// A scan costs more than one of events, which in a condition are few, so that the planner looks up
// here what it found there.
constexpr double kFullScanCost = 1e7;
constexpr double kLookUpCost = 10;

struct LiveContext {
  const LiveTable* table;
  EventRows* rows;
};

struct Table : sqlite3_vtab {
  explicit Table(const LiveContext& c) : sqlite3_vtab{}, context(c) {}
  LiveContext context;
};

struct Cursor : sqlite3_vtab_cursor {
  Cursor() : sqlite3_vtab_cursor{} {}
  // What is left to look at: the slots found, or all of them.
  std::span<const uint32_t> found;
  bool is_scan = false;
  size_t at = 0;
  std::string scratch;
};

Table& TableOf(sqlite3_vtab* table) { return *static_cast<Table*>(table); }
Cursor& CursorOf(sqlite3_vtab_cursor* cursor) { return *static_cast<Cursor*>(cursor); }
const LiveContext& ContextOf(sqlite3_vtab_cursor* cursor) { return TableOf(cursor->pVtab).context; }

size_t SlotOf(const Cursor& cursor) { return cursor.is_scan ? cursor.at : cursor.found[cursor.at]; }
size_t EndOf(const Cursor& cursor, const LiveTable& table) {
  return cursor.is_scan ? table.slots() : cursor.found.size();
}

int Connect(sqlite3* db, void* aux, int /*argc*/, const char* const* /*argv*/, sqlite3_vtab** table,
            char** /*error*/) {
  const auto& context = *static_cast<const LiveContext*>(aux);
  std::string sql = fmt::format("CREATE TABLE {}(", context.table->name());
  for (const LiveColumn& column : context.table->columns()) {
    fmt::format_to(std::back_inserter(sql), "{}\"{}\" {}", sql.back() == '(' ? "" : ",",
                   column.name, TypeText(column.type));
  }
  context.rows->is_declaring = true;
  const int result = sqlite3_declare_vtab(db, (sql + ")").c_str());
  context.rows->is_declaring = false;
  if (result == SQLITE_OK) *table = new Table(context);
  return result;
}

int Disconnect(sqlite3_vtab* table) {
  delete &TableOf(table);
  return SQLITE_OK;
}

// Takes one equality on an indexed column: the plan is that column, or none. SQLite checks the
// rows.
int BestIndex(sqlite3_vtab* table, sqlite3_index_info* info) {
  const std::span<const LiveColumn> columns = TableOf(table).context.table->columns();
  info->idxNum = -1;
  info->estimatedCost = kFullScanCost;
  for (int i = 0; i < info->nConstraint && info->idxNum < 0; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (!constraint.usable || constraint.iColumn < 0) continue;
    if (constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    const LiveColumn& column = columns[constraint.iColumn];
    if (!column.is_indexed) continue;
    const bool is_text = column.type == CellType::kText;
    if (is_text && std::strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0) continue;
    info->idxNum = constraint.iColumn;
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

int Settle(sqlite3_vtab_cursor* base) {
  Cursor& cursor = CursorOf(base);
  const LiveContext& context = ContextOf(base);
  const size_t end = EndOf(cursor, *context.table);
  for (; cursor.at < end; ++cursor.at) {
    if (!context.rows->budget->Spend(1)) return SQLITE_INTERRUPT;
    if (context.table->HasRow(SlotOf(cursor))) break;
  }
  return SQLITE_OK;
}

// The cell that `value` is, where it can be looked up as a value of `type`; else a scan.
bool ReadKey(sqlite3_value* value, CellType type, Cell* cell) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      *cell = {.type = CellType::kInteger, .integer = sqlite3_value_int64(value)};
      return type != CellType::kText;
    case SQLITE_FLOAT:
      *cell = {.type = CellType::kReal, .real = sqlite3_value_double(value)};
      return type != CellType::kText;
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      if (text == nullptr) return false;
      *cell = {.type = CellType::kText,
               .text = {text, static_cast<size_t>(sqlite3_value_bytes(value))}};
      return type == CellType::kText;
    }
    case SQLITE_NULL:
      *cell = {};
      return true;
    default:
      return false;
  }
}

int Filter(sqlite3_vtab_cursor* base, int column, const char* /*plan*/, int argc,
           sqlite3_value** argv) {
  Cursor& cursor = CursorOf(base);
  const LiveTable& table = *ContextOf(base).table;
  cursor.at = 0;
  cursor.found = {};
  cursor.is_scan = true;
  Cell key;
  if (column >= 0 && argc == 1 && ReadKey(argv[0], table.columns()[column].type, &key)) {
    cursor.is_scan = false;
    if (!key.is_null()) cursor.found = table.Find(column, key);
  }
  return Settle(base);
}

int Next(sqlite3_vtab_cursor* base) {
  ++CursorOf(base).at;
  return Settle(base);
}

int Eof(sqlite3_vtab_cursor* base) {
  return CursorOf(base).at >= EndOf(CursorOf(base), *ContextOf(base).table);
}

int ReadColumn(sqlite3_vtab_cursor* base, sqlite3_context* context, int index) {
  Cursor& cursor = CursorOf(base);
  SetResult(context, ContextOf(base).table->Get(SlotOf(cursor), index, &cursor.scratch));
  return SQLITE_OK;
}

int RowId(sqlite3_vtab_cursor* base, sqlite3_int64* row_id) {
  *row_id = static_cast<sqlite3_int64>(SlotOf(CursorOf(base)));
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

void DeleteContext(void* context) { delete static_cast<LiveContext*>(context); }

}  // namespace

uint64_t HashCell(const Cell& cell) {
  if (cell.type == CellType::kText) {
    return absl::Hash<std::string_view>()(cell.text);
  }
  double real = cell.type == CellType::kReal ? cell.real : static_cast<double>(cell.integer);
  if (real == 0) real = 0;  // of both signs
  return absl::Hash<double>()(real);
}

void CellIndex::Remove(uint64_t hash, uint32_t slot) {
  const auto found = slots_.find(hash);
  if (found == slots_.end()) return;
  std::vector<uint32_t>& slots = found->second;
  if (const auto at = std::ranges::find(slots, slot); at != slots.end()) {
    *at = slots.back();
    slots.pop_back();
  }
  if (slots.empty()) slots_.erase(found);
}

std::span<const uint32_t> CellIndex::Find(uint64_t hash) const {
  const auto found = slots_.find(hash);
  if (found == slots_.end()) return {};
  return found->second;
}

int AddLiveTable(sqlite3* db, const LiveTable& table, EventRows* rows) {
  auto* context = new LiveContext{.table = &table, .rows = rows};
  return sqlite3_create_module_v2(db, table.name().c_str(), &kModule, context, DeleteContext);
}

}  // namespace daemoneye::sql
