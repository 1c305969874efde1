#include "libs/storage/sqlite/sqlite_event_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/storage/sqlite/event_columns.h"
#include "libs/storage/sqlite/sqlite_event_reader.h"

namespace daemoneye::storage {
namespace {

// Keys that are kept in memory.
constexpr size_t kMaxKeys = 10'000;

// The key of `stream_id` in a table of streams, or nullopt.
std::optional<int64_t> FindKey(Connection& c, const char* sql, std::string_view stream_id) {
  StatementUse find = c.Use(sql);
  find.BindText(1, stream_id);
  if (!find->executeStep()) return std::nullopt;
  return find->getColumn(0).getInt64();
}

constexpr char kFindLog[] = "SELECT log FROM logs WHERE stream_id = ?1";
constexpr char kFindPublisher[] = "SELECT publisher FROM publishers WHERE stream_id = ?1";

absl::Status CheckEvent(const EventToStore& event) {
  const v1::Origin& origin = event.event->origin();
  if (origin.stream_id().empty() || origin.sequence() == 0) {
    return absl::InvalidArgumentError("an event without an origin has no place in a store");
  }
  if (event.sequence == 0 || event.sequence > kMaxLogSequence) {
    return absl::InvalidArgumentError(
        fmt::format("sequence {} is no position of a log", event.sequence));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AppendResult> SqliteEventStore::Append(const EventBatchToStore& batch) {
  Added added;
  const absl::Status status = file_.Write([&](Connection& c) -> absl::Status {
    // What the last one made was taken back with it.
    if (has_failed_.exchange(false)) Forget();
    RETURN_IF_ERROR(AppendEvents(c, batch, added));
    AppendMarks(c, batch.marks, added);
    return absl::OkStatus();
  });
  if (!status.ok()) {
    has_failed_ = true;
    return status;
  }
  Count(added);
  base::MutexLock lock(mu_);
  counts_.inserted += added.events;
  counts_.duplicates += batch.events.size() - added.events;
  return AppendResult{.inserted = added.events};
}

void SqliteEventStore::Count(const Added& added) {
  file_.counts().AddStored(StoreTable::kEvents, added.events);
  file_.counts().AddStored(StoreTable::kLogs, added.logs);
  file_.counts().AddStored(StoreTable::kPublishers, added.publishers);
  file_.counts().AddStored(StoreTable::kMarks, added.marks);
}

absl::Status SqliteEventStore::AppendEvents(Connection& c, const EventBatchToStore& batch,
                                            Added& added) {
  if (batch.events.empty()) return absl::OkStatus();
  const int64_t log = LogKey(c, batch.log_stream_id, added);
  StatementUse insert = c.Use(
      "INSERT OR IGNORE INTO events(position, publisher, sequence, event_time, kind, payload)"
      " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
  for (const EventToStore& event : batch.events) {
    RETURN_IF_ERROR(CheckEvent(event));
    const int64_t position = PositionOf(log, event.sequence);
    AddToBlock(c, event, position);
    insert->bind(1, position);
    insert->bind(2, PublisherKey(c, event.event->origin(), added));
    insert->bind(3, static_cast<int64_t>(event.event->origin().sequence()));
    insert->bind(4, EventTimeNs(*event.event));
    insert->bind(5, KindCodeOf(*event.event));
    insert.BindBytes(6, event.bytes);
    added.events += static_cast<uint64_t>(insert->exec());
    insert->tryReset();
  }
  StoreBlock(c);
  return absl::OkStatus();
}

void SqliteEventStore::AddToBlock(Connection& c, const EventToStore& event, int64_t position) {
  // A block is of positions that follow each other: another log begins another one.
  const bool is_next = block_.events > 0 && position > block_.last &&
                       position >> kSequenceBits == block_.last >> kSequenceBits;
  const int64_t time = EventTimeNs(*event.event);
  if (!is_next || block_.events >= KeyFilter::kMaxEvents) {
    if (block_.events > 0) StoreBlock(c);
    block_ = Block();
    block_.first = position;
    block_.since = block_.until = time;
  }
  block_.last = position;
  block_.since = std::min(block_.since, time);
  block_.until = std::max(block_.until, time);
  block_.filter.Add(*event.event);
  ++block_.events;
}

void SqliteEventStore::StoreBlock(Connection& c) {
  StatementUse put =
      block_.id == 0
          ? c.Use(
                "INSERT INTO blocks(first, last, since, until, filter) VALUES(?1, ?2, ?3, ?4, ?5)")
          : c.Use(
                "UPDATE blocks SET first = ?1, last = ?2, since = ?3, until = ?4, filter = ?5"
                " WHERE block = ?6");
  put->bind(1, block_.first);
  put->bind(2, block_.last);
  put->bind(3, block_.since);
  put->bind(4, block_.until);
  put.BindBytes(5, block_.filter.bytes());
  if (block_.id != 0) put->bind(6, block_.id);
  put->exec();
  if (block_.id == 0) block_.id = c.db().getLastInsertRowid();
}

void SqliteEventStore::AppendMarks(Connection& c, std::span<const LogMark> marks, Added& added) {
  // The position says when it was told: see DeleteUnused.
  StatementUse put = c.Use(
      "INSERT INTO marks(stream_id, sequence, position)"
      " VALUES(?1, ?2, ifnull((SELECT max(position) FROM events), 0)) ON CONFLICT(stream_id)"
      " DO UPDATE SET sequence = excluded.sequence, position = excluded.position"
      " WHERE excluded.sequence > sequence");
  for (const LogMark& mark : marks) {
    put.BindText(1, mark.stream_id);
    put->bind(2, static_cast<int64_t>(mark.sequence));
    added.marks += static_cast<uint64_t>(put->exec());
    put->tryReset();
  }
}

int64_t SqliteEventStore::LogKey(Connection& c, std::string_view stream_id, Added& added) {
  if (const auto known = keys_.logs.find(std::string(stream_id)); known != keys_.logs.end()) {
    return known->second;
  }
  std::optional<int64_t> key = FindKey(c, kFindLog, stream_id);
  if (!key.has_value()) {
    StatementUse add = c.Use("INSERT INTO logs(stream_id) VALUES(?1)");
    add.BindText(1, stream_id);
    add->exec();
    key = c.db().getLastInsertRowid();
    ++added.logs;
  }
  if (keys_.logs.size() >= kMaxKeys) keys_.logs.clear();
  return keys_.logs[std::string(stream_id)] = *key;
}

int64_t SqliteEventStore::PublisherKey(Connection& c, const v1::Origin& origin, Added& added) {
  if (keys_.last_publisher == origin.stream_id()) return keys_.last_key;
  const auto known = keys_.publishers.find(origin.stream_id());
  std::optional<int64_t> key = known != keys_.publishers.end()
                                   ? known->second
                                   : FindKey(c, kFindPublisher, origin.stream_id());
  if (!key.has_value()) {
    StatementUse add = c.Use("INSERT INTO publishers(stream_id, monitor, host) VALUES(?1, ?2, ?3)");
    add.BindText(1, origin.stream_id());
    add.BindText(2, origin.monitor());
    add.BindText(3, origin.host());
    add->exec();
    key = c.db().getLastInsertRowid();
    ++added.publishers;
  }
  if (keys_.publishers.size() >= kMaxKeys) keys_.publishers.clear();
  keys_.publishers[origin.stream_id()] = *key;
  keys_.last_publisher = origin.stream_id();
  keys_.last_key = *key;
  return *key;
}

absl::StatusOr<std::unique_ptr<EventReader>> SqliteEventStore::Read(
    const ReadOptions& options) const {
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, file_.OpenReader());
  return SqliteEventReader::Create(std::move(connection), options);
}

absl::StatusOr<LogPage> SqliteEventStore::ReadLog(std::string_view log_stream_id,
                                                  uint64_t after_sequence, size_t max_events,
                                                  size_t max_bytes) const {
  LogPage page;
  if (after_sequence >= kMaxLogSequence) return page;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) {
    const std::optional<int64_t> log = FindKey(c, kFindLog, log_stream_id);
    if (!log.has_value()) return absl::OkStatus();
    StatementUse read = c.Use(
        "SELECT position, payload FROM events WHERE position > ?1 AND position < ?2"
        " ORDER BY position LIMIT ?3");
    read->bind(1, PositionOf(*log, after_sequence));
    read->bind(2, PositionOf(*log + 1, 0));
    read->bind(3, static_cast<int64_t>(max_events));
    size_t bytes = 0;
    while (read->executeStep()) {
      const std::string_view payload = BytesOf(read->getColumn(1));
      bytes += payload.size();
      if (!page.positions.empty() && bytes > max_bytes) break;
      page.positions.push_back(
          {.sequence = SequenceOf(read->getColumn(0).getInt64()), .bytes = std::string(payload)});
    }
    return absl::OkStatus();
  }));
  return page;
}

absl::StatusOr<LogRange> SqliteEventStore::HeldRange(std::string_view log_stream_id) const {
  LogRange range;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) {
    const std::optional<int64_t> log = FindKey(c, kFindLog, log_stream_id);
    if (!log.has_value()) return absl::OkStatus();
    // Two look-ups: one statement with min and max would scan.
    StatementUse first = c.Use(
        "SELECT position FROM events WHERE position > ?1 AND position < ?2 ORDER BY position");
    StatementUse last = c.Use(
        "SELECT position FROM events WHERE position > ?1 AND position < ?2"
        " ORDER BY position DESC");
    for (StatementUse* use : {&first, &last}) {
      (*use)->bind(1, PositionOf(*log, 0));
      (*use)->bind(2, PositionOf(*log + 1, 0));
    }
    if (first->executeStep() && last->executeStep()) {
      range.first = SequenceOf(first->getColumn(0).getInt64());
      range.last = SequenceOf(last->getColumn(0).getInt64());
    }
    return absl::OkStatus();
  }));
  return range;
}

absl::StatusOr<v1::CollectionEvent> SqliteEventStore::Find(const v1::Origin& origin) const {
  v1::CollectionEvent event;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) -> absl::Status {
    StatementUse find = c.Use(
        "SELECT payload FROM events WHERE sequence = ?2 AND"
        " publisher = (SELECT publisher FROM publishers WHERE stream_id = ?1)");
    find.BindText(1, origin.stream_id());
    find->bind(2, static_cast<int64_t>(origin.sequence()));
    if (!find->executeStep()) {
      return absl::NotFoundError(
          fmt::format("no event {}/{}", origin.stream_id(), origin.sequence()));
    }
    return ParseEvent(BytesOf(find->getColumn(0)), event);
  }));
  return event;
}

absl::StatusOr<uint64_t> SqliteEventStore::LastPosition(std::string_view stream_id) const {
  uint64_t position = 0;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) {
    StatementUse find = c.Use(
        "SELECT max(ifnull((SELECT sequence FROM marks WHERE stream_id = ?1), 0), ifnull("
        "(SELECT max(sequence) FROM events WHERE publisher ="
        " (SELECT publisher FROM publishers WHERE stream_id = ?1)), 0))");
    find.BindText(1, stream_id);
    if (find->executeStep()) position = static_cast<uint64_t>(find->getColumn(0).getInt64());
    return absl::OkStatus();
  }));
  return position;
}

EventStoreStatistics SqliteEventStore::statistics() const {
  EventStoreStatistics statistics;
  {
    base::MutexLock lock(mu_);
    statistics = counts_;
  }
  // Without the file's answer the counts are still right.
  file_
      .Read([&](Connection& c) {
        statistics.bytes = static_cast<uint64_t>(
            (c.Number("PRAGMA page_count") - c.Number("PRAGMA freelist_count")) *
            c.Number("PRAGMA page_size"));
        StatementUse oldest =
            c.Use("SELECT event_time FROM events ORDER BY event_time, kind LIMIT 1");
        if (oldest->executeStep()) {
          statistics.oldest = absl::FromUnixNanos(oldest->getColumn(0).getInt64());
        }
        return absl::OkStatus();
      })
      .IgnoreError();
  return statistics;
}

}  // namespace daemoneye::storage
