#include "libs/storage/sqlite/row_table.h"

#include <utility>

namespace daemoneye::storage {
namespace {

class VectorCursor final : public RowCursor {
 public:
  explicit VectorCursor(std::shared_ptr<const std::vector<Row>> rows) : rows_(std::move(rows)) {}

  absl::StatusOr<bool> Next(Row& row) override {
    if (next_ >= rows_->size()) return false;
    row = (*rows_)[next_++];
    return true;
  }

 private:
  const std::shared_ptr<const std::vector<Row>> rows_;
  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<RowCursor> MakeRowCursor(std::shared_ptr<const std::vector<Row>> rows) {
  return std::make_unique<VectorCursor>(std::move(rows));
}

}  // namespace daemoneye::storage
