// RowTable: a table that a query can read beside the stored events: rows that somebody hands over
// while it is read (alerts, audit, what is now).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/sql/column.h"

namespace daemoneye::storage {

using CellValue = std::variant<std::monostate, int64_t, double, std::string>;
using Row = std::vector<CellValue>;

// The value as SQL has it; valid as long as `value`.
sql::Cell ToCell(const CellValue& value);

// Threads: compatible.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  // Moves to the next row, at first to the first; false at the end.
  virtual absl::StatusOr<bool> Next() = 0;
  // A value of the row; valid until the cursor moves or is asked again.
  virtual sql::Cell Get(size_t column) = 0;
  // Of rows that are all there, the same for every cursor of the table: how many. nullopt: they
  // can only be read in order.
  virtual std::optional<size_t> size() const { return std::nullopt; }
  // Moves to row `index`, below size().
  virtual absl::Status MoveTo(size_t index);
};

struct RowColumn {
  std::string name;
  // INTEGER, REAL or TEXT.
  std::string type;
  std::vector<std::string> values = {};
  // What the name and the type do not say; may be empty.
  std::string remark = {};
};

struct RowTable {
  std::string name;
  // What a row is, one sentence.
  std::string description;
  // What is now, not history.
  bool is_live = false;
  // It rests on what monitors tell: one that is gone makes an answer incomplete.
  bool is_observed = false;
  // Conditions of triggers can read it, too.
  bool is_for_triggers = false;
  std::vector<RowColumn> columns;
  // A cursor before the first row. Called on the query's thread, once a scan.
  std::function<absl::StatusOr<std::unique_ptr<RowCursor>>()> open;
};

// A cursor over rows that are there already.
std::unique_ptr<RowCursor> MakeRowCursor(std::shared_ptr<const std::vector<Row>> rows);

}  // namespace daemoneye::storage
