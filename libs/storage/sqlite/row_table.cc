#include "libs/storage/sqlite/row_table.h"

#include <utility>

namespace daemoneye::storage {
namespace {

class VectorCursor final : public RowCursor {
 public:
  explicit VectorCursor(std::shared_ptr<const std::vector<Row>> rows) : rows_(std::move(rows)) {}

  absl::StatusOr<bool> Next() override { return next_++ < rows_->size(); }
  sql::Cell Get(size_t column) override {
    const Row& row = (*rows_)[next_ - 1];
    return column < row.size() ? ToCell(row[column]) : sql::Cell();
  }
  std::optional<size_t> size() const override { return rows_->size(); }
  absl::Status MoveTo(size_t index) override {
    next_ = index + 1;
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<const std::vector<Row>> rows_;
  size_t next_ = 0;
};

}  // namespace

sql::Cell ToCell(const CellValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    return {.type = sql::CellType::kInteger, .integer = *integer};
  }
  if (const auto* real = std::get_if<double>(&value)) {
    return {.type = sql::CellType::kReal, .real = *real};
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return {.type = sql::CellType::kText, .text = *text};
  }
  return {};
}

absl::Status RowCursor::MoveTo(size_t /*index*/) {
  return absl::UnimplementedError("rows that can only be read in order");
}

std::unique_ptr<RowCursor> MakeRowCursor(std::shared_ptr<const std::vector<Row>> rows) {
  return std::make_unique<VectorCursor>(std::move(rows));
}

}  // namespace daemoneye::storage
