#include "libs/storage/sqlite/row_vtab.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <iterator>
#include <memory>
#include <string>

namespace daemoneye::storage {
namespace {

struct TableContext {
  const RowTable* table;
  QueryState* state;
};

struct Table : sqlite3_vtab {
  explicit Table(const TableContext& c) : sqlite3_vtab{}, context(c) {}
  const TableContext context;
};

struct Cursor : sqlite3_vtab_cursor {
  Cursor() : sqlite3_vtab_cursor{} {}
  std::unique_ptr<RowCursor> rows;
  Row row;
  int64_t row_id = 0;
  bool is_at_end = true;
};

const TableContext& ContextOf(sqlite3_vtab_cursor* cursor) {
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
  const auto& context = *static_cast<const TableContext*>(aux);
  const int result = sqlite3_declare_vtab(db, Declaration(*context.table).c_str());
  if (result == SQLITE_OK) *table = new Table(context);
  return result;
}

int Disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

int BestIndex(sqlite3_vtab* /*table*/, sqlite3_index_info* info) {
  info->estimatedCost = 1000;
  info->estimatedRows = 1000;
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

int Next(sqlite3_vtab_cursor* base) {
  Cursor& cursor = CursorOf(base);
  QueryState& state = *ContextOf(base).state;
  if (++cursor.row_id % 64 == 0 && !state.check()) return SQLITE_INTERRUPT;
  const absl::StatusOr<bool> next = cursor.rows->Next(cursor.row);
  if (!next.ok()) {
    state.failure = next.status();
    return SQLITE_ERROR;
  }
  cursor.is_at_end = !*next;
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* base, int /*index*/, const char* /*plan*/, int /*argc*/,
           sqlite3_value** /*argv*/) {
  Cursor& cursor = CursorOf(base);
  absl::StatusOr<std::unique_ptr<RowCursor>> rows = ContextOf(base).table->open();
  if (!rows.ok()) {
    ContextOf(base).state->failure = rows.status();
    return SQLITE_ERROR;
  }
  cursor.rows = *std::move(rows);
  cursor.row_id = 0;
  return Next(base);
}

int Eof(sqlite3_vtab_cursor* base) { return CursorOf(base).is_at_end ? 1 : 0; }

int ReadColumn(sqlite3_vtab_cursor* base, sqlite3_context* context, int index) {
  const Row& row = CursorOf(base).row;
  const auto i = static_cast<size_t>(index);
  if (i >= row.size()) return SQLITE_OK;
  if (const auto* integer = std::get_if<int64_t>(&row[i])) {
    sqlite3_result_int64(context, *integer);
  } else if (const auto* real = std::get_if<double>(&row[i])) {
    sqlite3_result_double(context, *real);
  } else if (const auto* text = std::get_if<std::string>(&row[i])) {
    sqlite3_result_text(context, text->data(), static_cast<int>(text->size()), SQLITE_TRANSIENT);
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
    auto* context = new TableContext{.table = &table, .state = state};
    const int result =
        sqlite3_create_module_v2(db, table.name.c_str(), &kModule, context, DeleteContext);
    if (result != SQLITE_OK) return result;
  }
  return SQLITE_OK;
}

}  // namespace daemoneye::storage
