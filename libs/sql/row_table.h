// RowTable: a LiveTable of plain rows: those of `lists`, of `hash_baseline`.
//
// Threads: compatible.
// Cost:    0.5 µs and 200 bytes a row. Bounded: beyond max_rows or max_bytes a row is refused.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "libs/sql/live_table.h"

namespace daemoneye::sql {

// A value that a row owns.
struct OwnedCell {
  CellType type = CellType::kNull;
  int64_t integer = 0;
  std::string text;

  static OwnedCell Text(std::string text) { return {CellType::kText, 0, std::move(text)}; }
  static OwnedCell Integer(int64_t value) { return {CellType::kInteger, value, {}}; }
  Cell View() const { return {.type = type, .integer = integer, .text = text, .is_stable = true}; }
};

class RowTable final : public LiveTable {
 public:
  RowTable(std::string name, std::vector<LiveColumn> columns, size_t max_rows, size_t max_bytes);

  // False, and counted, when a bound is reached. `row` has a cell a column.
  bool Add(std::vector<OwnedCell> row);
  void Clear();

  const std::string& name() const override { return name_; }
  std::span<const LiveColumn> columns() const override { return columns_; }
  size_t slots() const override { return rows_.size(); }
  bool HasRow(size_t /*slot*/) const override { return true; }
  Cell Get(size_t slot, size_t column, std::string* /*scratch*/) const override {
    return rows_[slot][column].View();
  }
  std::span<const uint32_t> Find(size_t column, const Cell& value) const override;

  size_t bytes() const { return bytes_; }
  uint64_t refused() const { return refused_; }

 private:
  const std::string name_;
  const std::vector<LiveColumn> columns_;
  const size_t max_rows_;
  const size_t max_bytes_;
  std::deque<std::vector<OwnedCell>> rows_;
  std::vector<CellIndex> indices_;  // by column; of those indexed
  size_t bytes_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace daemoneye::sql
