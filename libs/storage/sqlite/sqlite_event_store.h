// SqliteEventStore: EventStore over the store's file.
//
// Threads:    any; writers wait for each other, readers have connections of their own.
// Ownership:  borrows the file.
// Cost:       see sqlite_store_benchmark.
#pragma once

#include <atomic>
#include <span>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "libs/base/mutex.h"
#include "libs/storage/event_store.h"
#include "libs/storage/sqlite/key_filter.h"
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

  // Rows of a transaction.
  struct Added {
    uint64_t events = 0;
    uint64_t logs = 0;
    uint64_t publishers = 0;
    uint64_t marks = 0;
  };

  // The run of positions that grows now; a full one is let be. Forgotten as Keys are.
  struct Block {
    int64_t id = 0;  // 0: it has no row yet
    int64_t first = 0;
    int64_t last = 0;
    int64_t since = 0;
    int64_t until = 0;
    size_t events = 0;
    KeyFilter filter;
  };

  absl::Status AppendEvents(Connection& c, const EventBatchToStore& batch, Added& added);
  static void AppendMarks(Connection& c, std::span<const LogMark> marks, Added& added);
  int64_t LogKey(Connection& c, std::string_view stream_id, Added& added);
  int64_t PublisherKey(Connection& c, const v1::Origin& origin, Added& added);
  void AddToBlock(Connection& c, const EventToStore& event, int64_t position);
  void StoreBlock(Connection& c);
  void Forget() {
    keys_ = {};
    block_ = {};
  }
  void Count(const Added& added);

  StoreFile& file_;
  Keys keys_;    // of who writes: only within StoreFile::Write
  Block block_;  // the same
  std::atomic<bool> has_failed_ = false;
  mutable base::Mutex mu_;
  EventStoreStatistics counts_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::storage
