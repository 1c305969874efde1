// What SqliteEventStore lets go of, and in which order.

#include <algorithm>

#include "libs/base/status_macros.h"
#include "libs/storage/sqlite/event_columns.h"
#include "libs/storage/sqlite/sqlite_event_store.h"

namespace daemoneye::storage {
namespace {

// What the samples of the past were looked through up to.
constexpr char kSampleMark[] = "samples_pruned_until";

int64_t BytesInUse(Connection& c) {
  return (c.Number("PRAGMA page_count") - c.Number("PRAGMA freelist_count")) *
         c.Number("PRAGMA page_size");
}

int64_t DeleteExpired(Connection& c, int64_t before, int64_t max_events) {
  StatementUse erase = c.Use(
      "DELETE FROM events WHERE position IN (SELECT position FROM events WHERE event_time < ?1"
      " ORDER BY event_time LIMIT ?2)");
  erase->bind(1, before);
  erase->bind(2, max_events);
  return erase->exec();
}

int64_t DeleteSamples(Connection& c, int64_t before, int64_t max_events) {
  int64_t since = INT64_MIN;
  {
    StatementUse mark = c.Use("SELECT value FROM settings WHERE name = ?1");
    mark->bind(1, kSampleMark);
    if (mark->executeStep()) since = mark->getColumn(0).getInt64();
  }
  if (since >= before) return 0;
  StatementUse erase = c.Use(
      "DELETE FROM events WHERE position IN (SELECT position FROM events WHERE event_time >= ?1"
      " AND event_time < ?2 AND kind = ?3 ORDER BY event_time LIMIT ?4)");
  erase->bind(1, since);
  erase->bind(2, before);
  erase->bind(3, KindCode(v1::EVENT_KIND_PROCESS, v1::PROCESS_ACTION_SAMPLE));
  erase->bind(4, max_events);
  const int64_t erased = erase->exec();
  if (erased >= max_events) return erased;
  StatementUse put = c.Use("INSERT OR REPLACE INTO settings(name, value) VALUES(?1, ?2)");
  put->bind(1, kSampleMark);
  put->bind(2, before);
  put->exec();
  return erased;
}

int64_t DeleteOldest(Connection& c, int64_t max_events) {
  StatementUse erase = c.Use(
      "DELETE FROM events WHERE position IN"
      " (SELECT position FROM events ORDER BY position LIMIT ?1)");
  erase->bind(1, max_events);
  return erase->exec();
}

// Logs, publishers and marks that say nothing any more.
struct Unused {
  uint64_t logs = 0;
  uint64_t publishers = 0;
  uint64_t marks = 0;
};

// The newest log stays, so that no key is given twice. A mark goes when it is older than every
// event: what it stands for has gone, too, and a monitor that is resumed at the oldest it holds
// brings nothing a second time.
Unused DeleteUnused(Connection& c) {
  const auto run = [&](const char* sql) {
    StatementUse erase = c.Use(sql);
    return static_cast<uint64_t>(erase->exec());
  };
  Unused unused;
  unused.logs =
      run("DELETE FROM logs WHERE log < (SELECT max(log) FROM logs) AND NOT EXISTS (SELECT 1 FROM"
          " events WHERE position > (log << 40) AND position < ((log + 1) << 40))");
  unused.publishers =
      run("DELETE FROM publishers WHERE NOT EXISTS"
          " (SELECT 1 FROM events WHERE events.publisher = publishers.publisher)");
  unused.marks = run("DELETE FROM marks WHERE position < (SELECT min(position) FROM events)");
  // The newest is the one that grows, or was when the server ended.
  run("DELETE FROM blocks WHERE last < (SELECT min(position) FROM events)"
      " AND block < (SELECT max(block) FROM blocks)");
  return unused;
}

}  // namespace

absl::StatusOr<PruneResult> SqliteEventStore::Prune(const RetentionPolicy& policy, absl::Time now,
                                                    size_t max_events) {
  PruneResult result;
  Unused unused;
  const auto limit = static_cast<int64_t>(std::max<size_t>(max_events, 1));
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    int64_t left = limit;
    left -= DeleteExpired(c, ToStoredTime(now - policy.max_age), left);
    if (left > 0) left -= DeleteSamples(c, ToStoredTime(now - policy.max_sample_age), left);
    result.expired = static_cast<uint64_t>(limit - left);
    if (left > 0 && BytesInUse(c) > static_cast<int64_t>(policy.max_bytes)) {
      result.evicted = static_cast<uint64_t>(DeleteOldest(c, left));
    }
    if (result.expired + result.evicted == 0) return absl::OkStatus();
    unused = DeleteUnused(c);
    keys_ = {};
    return absl::OkStatus();
  }));
  file_.counts().AddPruned(StoreTable::kEvents, result.expired + result.evicted);
  file_.counts().AddPruned(StoreTable::kLogs, unused.logs);
  file_.counts().AddPruned(StoreTable::kPublishers, unused.publishers);
  file_.counts().AddPruned(StoreTable::kMarks, unused.marks);
  base::MutexLock lock(mu_);
  counts_.pruned += result.expired + result.evicted;
  return result;
}

}  // namespace daemoneye::storage
