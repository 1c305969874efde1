// SqliteEventReader: EventReader on a connection of its own, without a transaction that would last.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/storage/event_store.h"
#include "libs/storage/sqlite/connection.h"

namespace daemoneye::storage {

// DataLoss when `bytes` are no event.
absl::Status ParseEvent(std::string_view bytes, v1::CollectionEvent& event);

class SqliteEventReader final : public EventReader {
 public:
  static absl::StatusOr<std::unique_ptr<EventReader>> Create(std::unique_ptr<Connection> connection,
                                                             const ReadOptions& options);

  absl::StatusOr<std::vector<v1::CollectionEvent>> Read(size_t max_events) override;

 private:
  SqliteEventReader(std::unique_ptr<Connection> connection, const ReadOptions& options);

  // The positions that the range lies between, as they are now.
  absl::Status FindBounds();

  const std::unique_ptr<Connection> connection_;
  const int64_t since_;
  const int64_t until_;
  const int64_t first_kind_;
  const int64_t last_kind_;
  int64_t after_position_ = -1;
  int64_t last_position_ = -1;
};

}  // namespace daemoneye::storage
