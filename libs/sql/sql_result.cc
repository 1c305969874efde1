#include "libs/sql/sql_result.h"

#include <cstring>

namespace daemoneye::sql {

void SetResult(sqlite3_context* context, const Cell& cell) {
  switch (cell.type) {
    case CellType::kNull:
      break;
    case CellType::kInteger:
      sqlite3_result_int64(context, cell.integer);
      break;
    case CellType::kReal:
      sqlite3_result_double(context, cell.real);
      break;
    case CellType::kText: {
      // Told no length, SQLite knows of the NUL at the end, and LIKE needs no copy. The event
      // outlives the run, scratch does not.
      const bool has_nul = std::memchr(cell.text.data(), '\0', cell.text.size()) != nullptr;
      sqlite3_result_text(context, cell.text.data(),
                          has_nul ? static_cast<int>(cell.text.size()) : -1,
                          cell.is_stable ? SQLITE_STATIC : SQLITE_TRANSIENT);
      break;
    }
  }
}

}  // namespace daemoneye::sql
