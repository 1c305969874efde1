// SqliteEventStore: EventStore over the store's file.
//
// Threads:    any; writers wait for each other, readers have connections of their own.
// Ownership:  borrows the file.
// Cost:       see sqlite_store_benchmark.
#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "libs/base/mutex.h"
#include "libs/storage/event_store.h"
#include "libs/storage/sqlite/store_file.h"

namespace daemoneye::storage {

class SqliteEventStore final : public EventStore {
 public:
  explicit SqliteEventStore(StoreFile& file) : file_(file) {}

  absl::StatusOr<AppendResult> Append(const EventBatchToStore& batch) override;
  absl::StatusOr<std::unique_ptr<EventReader>> Read(const ReadOptions& options) const override;
  absl::StatusOr<LogPage> ReadLog(std::string_view log_stream_id, uint64_t after_sequence,
                                  size_t max_events, size_t max_bytes) const override;
  absl::StatusOr<LogRange> HeldRange(std::string_view log_stream_id) const override;
  absl::StatusOr<v1::CollectionEvent> Find(const v1::Origin& origin) const override;
  absl::StatusOr<uint64_t> LastPosition(std::string_view stream_id) const override;
  absl::StatusOr<PruneResult> Prune(const RetentionPolicy& policy, absl::Time now,
                                    size_t max_events) override;
  EventStoreStatistics statistics() const override;

 private:
  // Of the connection that writes, in the transaction that runs: keys of logs and publishers that
  // were looked up before. Forgotten when a transaction fails, since it may have made them.
  struct Keys {
    absl::flat_hash_map<std::string, int64_t> logs;
    absl::flat_hash_map<std::string, int64_t> publishers;
    // What was looked up last: events of one publisher come in runs.
    std::string last_publisher;
    int64_t last_key = 0;
  };

  absl::Status AppendEvents(Connection& c, const EventBatchToStore& batch, AppendResult& result);
  static void AppendMarks(Connection& c, std::span<const LogMark> marks);
  int64_t LogKey(Connection& c, std::string_view stream_id);
  int64_t PublisherKey(Connection& c, const v1::Origin& origin);

  StoreFile& file_;
  Keys keys_;  // of who writes: only within StoreFile::Write
  mutable base::Mutex mu_;
  EventStoreStatistics counts_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::storage
