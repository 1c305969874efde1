#include "libs/sql/row_table.h"

namespace daemoneye::sql {

RowTable::RowTable(std::string name, std::vector<LiveColumn> columns, size_t max_rows,
                   size_t max_bytes)
    : name_(std::move(name)),
      columns_(std::move(columns)),
      max_rows_(max_rows),
      max_bytes_(max_bytes),
      indices_(columns_.size()) {}

bool RowTable::Add(std::vector<OwnedCell> row) {
  size_t bytes = sizeof(row) + row.size() * sizeof(OwnedCell);
  for (const OwnedCell& cell : row) bytes += cell.text.size();
  if (rows_.size() >= max_rows_ || bytes_ + bytes > max_bytes_) {
    ++refused_;
    return false;
  }
  const auto slot = static_cast<uint32_t>(rows_.size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Cell cell = row[i].View();
    if (columns_[i].is_indexed && !cell.is_null()) indices_[i].Add(HashCell(cell), slot);
  }
  rows_.push_back(std::move(row));
  bytes_ += bytes;
  return true;
}

void RowTable::Clear() {
  rows_.clear();
  for (CellIndex& index : indices_) index.Clear();
  bytes_ = 0;
}

std::span<const uint32_t> RowTable::Find(size_t column, const Cell& value) const {
  return indices_[column].Find(HashCell(value));
}

}  // namespace daemoneye::sql
