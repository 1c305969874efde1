#include "libs/storage/sqlite/sqlite_event_reader.h"

#include <fmt/format.h>

#include <utility>

#include "libs/base/status_macros.h"
#include "libs/storage/sqlite/event_columns.h"

namespace daemoneye::storage {

absl::Status ParseEvent(std::string_view bytes, v1::CollectionEvent& event) {
  if (event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("a stored event of {} bytes does not parse", bytes.size()));
}

SqliteEventReader::SqliteEventReader(std::unique_ptr<Connection> connection,
                                     const ReadOptions& options)
    : connection_(std::move(connection)),
      since_(ToStoredTime(options.since)),
      until_(ToStoredTime(options.until)),
      first_kind_(KindCode(options.kind, 0)),
      last_kind_(options.kind == v1::EVENT_KIND_UNSPECIFIED ? INT64_MAX
                                                            : KindCode(options.kind, 255)) {}

absl::StatusOr<std::unique_ptr<EventReader>> SqliteEventReader::Create(
    std::unique_ptr<Connection> connection, const ReadOptions& options) {
  std::unique_ptr<SqliteEventReader> reader(new SqliteEventReader(std::move(connection), options));
  RETURN_IF_ERROR(reader->FindBounds());
  return std::unique_ptr<EventReader>(std::move(reader));
}

absl::Status SqliteEventReader::FindBounds() {
  return connection_->Run([&](Connection& c) {
    StatementUse bounds = c.Use(
        "SELECT min(position), max(position) FROM events"
        " WHERE event_time >= ?1 AND event_time < ?2 AND kind BETWEEN ?3 AND ?4");
    bounds->bind(1, since_);
    bounds->bind(2, until_);
    bounds->bind(3, first_kind_);
    bounds->bind(4, last_kind_);
    if (bounds->executeStep() && !bounds->getColumn(0).isNull()) {
      after_position_ = bounds->getColumn(0).getInt64() - 1;
      last_position_ = bounds->getColumn(1).getInt64();
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<v1::CollectionEvent>> SqliteEventReader::Read(size_t max_events) {
  std::vector<v1::CollectionEvent> events;
  RETURN_IF_ERROR(connection_->Run([&](Connection& c) -> absl::Status {
    // + keeps the planner on the positions, whose order is wanted.
    StatementUse read = c.Use(
        "SELECT position, payload FROM events WHERE position > ?1 AND position <= ?2"
        " AND +event_time >= ?3 AND +event_time < ?4 AND +kind BETWEEN ?5 AND ?6"
        " ORDER BY position LIMIT ?7");
    read->bind(1, after_position_);
    read->bind(2, last_position_);
    read->bind(3, since_);
    read->bind(4, until_);
    read->bind(5, first_kind_);
    read->bind(6, last_kind_);
    read->bind(7, static_cast<int64_t>(max_events));
    while (read->executeStep()) {
      after_position_ = read->getColumn(0).getInt64();
      RETURN_IF_ERROR(ParseEvent(BytesOf(read->getColumn(1)), events.emplace_back()));
    }
    return absl::OkStatus();
  }));
  return events;
}

}  // namespace daemoneye::storage
