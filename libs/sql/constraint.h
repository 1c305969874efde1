// Constraint: one term of a WHERE that SQLite's planner offers the table, checked natively before
// SQLite sees the row.
//
// SQLite checks every row again that passes, so a Constraint may let too much through but must
// never drop what SQLite would accept: where SQL's conversions make a comparison subtle, there is
// no Constraint.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemoneye/v1/event.pb.h"
#include "libs/sql/column.h"
#include "libs/sql/regexp.h"

struct sqlite3_value;

namespace daemoneye::sql {

// Printable, as a plan is a text.
enum class ConstraintOp : char {
  kEq = '=',
  kIn = 'I',
  kLt = '<',
  kLe = '(',
  kGt = '>',
  kGe = ')',
  kLike = 'L',
  kGlob = 'G',
  kRegexp = 'R',
};

class Constraint {
 public:
  // The term `column op value`; for kIn, `value` is what sqlite3_vtab_in_first takes. nullopt when
  // it cannot narrow. Copies what it needs of `value`.
  // `column_index` is the column's in its table.
  static std::optional<Constraint> Make(ConstraintOp op, const Column& column, size_t column_index,
                                        sqlite3_value* value, RegexpCache& regexps);

  // False when the term is certainly not true where the column is `cell`.
  bool MayHold(const Cell& cell) const;

  struct Value {
    CellType type = CellType::kNull;
    int64_t integer = 0;
    double real = 0;
    std::string text;
  };

  ConstraintOp op() const { return op_; }
  const Column& column() const { return *column_; }
  size_t column_index() const { return column_index_; }
  // One but for kIn. Empty: the term is never true.
  const std::vector<Value>& values() const { return values_; }
  // Of kRegexp.
  const re2::RE2* regexp() const { return regexp_.get(); }

 private:
  Constraint(ConstraintOp op, const Column& column, size_t column_index)
      : op_(op), column_(&column), column_index_(column_index) {}

  static Value Read(sqlite3_value* value);
  bool CanCompare(const Value& value) const;
  bool ReadList(sqlite3_value* list);
  bool MatchesPattern(const char* text, size_t size) const;

  ConstraintOp op_;
  const Column* column_;
  size_t column_index_;
  // One but for kIn; those that are NULL are left out: nothing equals them.
  std::vector<Value> values_;
  std::shared_ptr<const re2::RE2> regexp_;
};

}  // namespace daemoneye::sql
