#include "libs/sql/cell_cache.h"

#include <algorithm>

namespace daemoneye::sql {

void CellCache::Reset(std::span<const v1::CollectionEvent* const> events) {
  events_ = events;
  ++epoch_;
  if (texts_.size() > kMaxKeptTexts) texts_.clear();
  texts_used_ = 0;
}

void CellCache::Grow(Values* values) {
  values->cells.resize(std::max(events_.size(), values->cells.size()));
}

void CellCache::Fill(size_t row, size_t column, Slot* slot) {
  if (texts_used_ == texts_.size()) texts_.emplace_back();
  std::string& scratch = texts_[texts_used_];
  slot->cell = table_.columns[column].Get(*events_[row], &scratch);
  slot->epoch = epoch_;
  if (slot->cell.type == CellType::kText && !slot->cell.is_stable) {
    ++texts_used_;
    slot->cell.is_stable = true;
  }
}

}  // namespace daemoneye::sql
