#include "libs/sql/constraint.h"

#include <sqlite3.h>

#include <compare>
#include <utility>

namespace daemoneye::sql {
namespace {

// A number of a Cell or a Value; x86's long double holds every int64 and double exactly.
template <typename T>
long double Number(const T& value) {
  return value.type == CellType::kInteger ? static_cast<long double>(value.integer)
                                          : static_cast<long double>(value.real);
}

bool Holds(ConstraintOp op, std::strong_ordering order) {
  switch (op) {
    case ConstraintOp::kLt:
      return order < 0;
    case ConstraintOp::kLe:
      return order <= 0;
    case ConstraintOp::kGt:
      return order > 0;
    case ConstraintOp::kGe:
      return order >= 0;
    default:
      return order == 0;
  }
}

template <typename T>
std::strong_ordering Compare(const Cell& cell, const T& value) {
  if (cell.type == CellType::kText) {
    return cell.text.compare(value.text) <=> 0;
  }
  if (cell.type == CellType::kInteger && value.type == CellType::kInteger) {
    return cell.integer <=> value.integer;
  }
  const long double left = Number(cell);
  const long double right = Number(value);
  return left < right   ? std::strong_ordering::less
         : left > right ? std::strong_ordering::greater
                        : std::strong_ordering::equal;
}

bool IsPattern(ConstraintOp op) {
  return op == ConstraintOp::kLike || op == ConstraintOp::kGlob || op == ConstraintOp::kRegexp;
}

}  // namespace

Constraint::Value Constraint::Read(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return {.type = CellType::kInteger, .integer = sqlite3_value_int64(value), .text = {}};
    case SQLITE_FLOAT:
      return {.type = CellType::kReal, .real = sqlite3_value_double(value), .text = {}};
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      if (text == nullptr) return {};
      return {.type = CellType::kText,
              .text = std::string(text, static_cast<size_t>(sqlite3_value_bytes(value)))};
    }
    default:
      return {};
  }
}

// Text with text and number with number; else SQL converts first.
bool Constraint::CanCompare(const Value& value) const {
  return value.type != CellType::kNull &&
         (column_->type() == CellType::kText) == (value.type == CellType::kText);
}

// A value is valid only until the next one is asked for, so it is copied at once.
bool Constraint::ReadList(sqlite3_value* list) {
  sqlite3_value* value = nullptr;
  int result = sqlite3_vtab_in_first(list, &value);
  for (; result == SQLITE_OK && value != nullptr; result = sqlite3_vtab_in_next(list, &value)) {
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL) continue;
    if (type == SQLITE_BLOB) return false;
    values_.push_back(Read(value));
    if (!CanCompare(values_.back())) return false;
  }
  return result == SQLITE_DONE || result == SQLITE_OK;
}

std::optional<Constraint> Constraint::Make(ConstraintOp op, const Column& column,
                                           size_t column_index, sqlite3_value* value,
                                           RegexpCache& regexps) {
  Constraint constraint(op, column, column_index);
  if (op == ConstraintOp::kIn) {
    if (!constraint.ReadList(value)) return std::nullopt;
    return constraint;
  }
  if (sqlite3_value_type(value) == SQLITE_BLOB) return std::nullopt;
  if (sqlite3_value_type(value) == SQLITE_NULL) return constraint;  // no values: never true
  constraint.values_.push_back(Read(value));
  const Value& only = constraint.values_.back();
  if (!constraint.CanCompare(only)) return std::nullopt;
  if (!IsPattern(op)) return constraint;
  // Beyond the bound, or broken: SQLite's error is the answer.
  if (only.type != CellType::kText || only.text.size() > kMaxPatternBytes) return std::nullopt;
  if (op == ConstraintOp::kRegexp) {
    auto regexp = regexps.Get(only.text);
    if (!regexp.ok()) return std::nullopt;
    constraint.regexp_ = *std::move(regexp);
  }
  return constraint;
}

bool Constraint::MatchesPattern(const char* text, size_t size) const {
  const char* pattern = values_.front().text.c_str();
  switch (op_) {
    case ConstraintOp::kLike:
      return sqlite3_strlike(pattern, text, 0) == 0;
    case ConstraintOp::kGlob:
      return sqlite3_strglob(pattern, text) == 0;
    default:
      return RegexpMatches(*regexp_, {text, size}).value_or(true);  // SQLite's error is the answer
  }
}

bool Constraint::MayHold(const Cell& cell) const {
  if (values_.empty() || cell.is_null()) return false;
  if (IsPattern(op_)) return MatchesPattern(cell.text.data(), cell.text.size());
  for (const Value& value : values_) {
    if (Holds(op_, Compare(cell, value))) return true;
  }
  return false;
}

}  // namespace daemoneye::sql
