// CellCache: the values of a batch of events, each read from its event once, however many
// statements ask.
//
// Threads:   compatible.
// Ownership: borrows the events until the next Reset.
// Cost:      2 ns a value that is there; 48 bytes a value that was asked for, plus joined texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "daemoneye/v1/event.pb.h"
#include "libs/sql/event_tables.h"

namespace daemoneye::sql {

class CellCache {
 public:
  explicit CellCache(const EventTable& table) : table_(table), columns_(table.columns.size()) {}
  CellCache(const CellCache&) = delete;
  CellCache& operator=(const CellCache&) = delete;

  // All of the table's kind.
  void Reset(std::span<const v1::CollectionEvent* const> events);

  // Stable until the next Reset.
  const Cell& Get(size_t row, size_t column) {
    Values& values = columns_[column];
    if (values.cells.size() <= row) Grow(&values);
    Slot& slot = values.cells[row];
    if (slot.epoch != epoch_) Fill(row, column, &slot);
    return slot.cell;
  }

  std::span<const v1::CollectionEvent* const> events() const { return events_; }

 private:
  struct Slot {
    Cell cell;
    uint64_t epoch = 0;
  };
  struct Values {
    std::vector<Slot> cells;
  };
  static constexpr size_t kMaxKeptTexts = 4096;

  void Grow(Values* values);
  void Fill(size_t row, size_t column, Slot* slot);

  const EventTable& table_;
  std::span<const v1::CollectionEvent* const> events_;
  std::vector<Values> columns_;
  uint64_t epoch_ = 0;
  // Texts that were made; their capacity is kept.
  std::deque<std::string> texts_;
  size_t texts_used_ = 0;
};

}  // namespace daemoneye::sql
