// RowTable: a table that a query can read beside the stored events: rows that somebody hands over
// while it is read (alerts, audit, what is now).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace daemoneye::storage {

using CellValue = std::variant<std::monostate, int64_t, double, std::string>;
using Row = std::vector<CellValue>;

// Threads: compatible.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  // The next row, as many cells as the table has columns; false at the end.
  virtual absl::StatusOr<bool> Next(Row& row) = 0;
};

struct RowColumn {
  std::string name;
  // INTEGER, REAL or TEXT.
  std::string type;
  std::vector<std::string> values = {};
};

struct RowTable {
  std::string name;
  // What a row is, one sentence.
  std::string description;
  // What is now, not history.
  bool is_live = false;
  std::vector<RowColumn> columns;
  // A cursor at the first row. Called on the query's thread, once a scan.
  std::function<absl::StatusOr<std::unique_ptr<RowCursor>>()> open;
};

// A cursor over rows that are there already.
std::unique_ptr<RowCursor> MakeRowCursor(std::shared_ptr<const std::vector<Row>> rows);

}  // namespace daemoneye::storage
