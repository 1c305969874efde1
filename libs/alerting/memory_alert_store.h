// MemoryAlertStore: the AlertStore of a server that keeps nothing (no --data_dir).
//
// Holds the newest alerts within a bound. At the bound the oldest alert is forgotten, with the
// deliveries that it still waits for, which are counted; a restart forgets all, and sequences begin
// at 1 again.
//
// Threads: all methods from any.
// Cost:    a copy of an alert where one is returned.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/base/mutex.h"
#include "libs/storage/alert_store.h"

namespace daemoneye::alerting {

class MemoryAlertStore : public storage::AlertStore {
 public:
  struct Bounds {
    size_t max_alerts = 10'000;
    size_t max_bytes = 32 << 20;
  };

  MemoryAlertStore() : MemoryAlertStore(Bounds()) {}
  explicit MemoryAlertStore(Bounds bounds) : bounds_(bounds) {}

  absl::StatusOr<uint64_t> Append(v1::Alert& alert, std::span<const std::string> sinks,
                                  absl::Time now) override;
  absl::StatusOr<v1::Alert> Get(std::string_view id) const override;
  absl::StatusOr<std::vector<v1::Alert>> List(const v1::AlertFilter& filter,
                                              uint64_t before_sequence,
                                              size_t max_alerts) const override;
  absl::StatusOr<std::vector<v1::Alert>> ReadAfter(const v1::AlertFilter& filter,
                                                   uint64_t after_sequence,
                                                   size_t max_alerts) const override;
  absl::StatusOr<storage::AlertRange> range() const override;
  absl::StatusOr<v1::Alert> Acknowledge(std::string_view id, std::string_view by,
                                        std::string_view comment, absl::Time now) override;
  absl::StatusOr<std::vector<storage::Delivery>> Pending(std::string_view sink,
                                                         size_t max_deliveries) const override;
  absl::Status MarkDelivered(std::string_view sink, uint64_t sequence) override;
  absl::Status MarkFailed(std::string_view sink, uint64_t sequence, absl::Time next_attempt,
                          std::string_view error) override;
  absl::Status MarkDead(std::string_view sink, uint64_t sequence, std::string_view error) override;
  absl::StatusOr<std::vector<storage::Delivery>> DeadLetters(
      const storage::DeadLetterFilter& filter, const storage::DeadLetterPosition& after,
      size_t max_letters) const override;
  absl::StatusOr<uint64_t> ReplayDead(std::string_view sink, std::string_view alert_id,
                                      absl::Time now) override;
  absl::StatusOr<uint64_t> DropOtherSinks(std::span<const std::string> sinks) override;
  absl::StatusOr<storage::OutboxStatistics> Outbox(std::string_view sink) const override;
  absl::StatusOr<uint64_t> PruneAlerts(absl::Time before, uint64_t max_kept,
                                       size_t max_alerts) override;

  // Deliveries that were pending when their alert had to make room.
  uint64_t lost_deliveries() const;

 private:
  struct Row {
    std::string sink;
    uint32_t attempts = 0;
    absl::Time next_attempt;
    absl::Time created;
    std::string last_error;
    bool is_dead = false;
  };
  struct Entry {
    v1::Alert alert;
    size_t bytes = 0;
    absl::Time created;
    std::vector<Row> rows;  // what sinks have yet to be given
  };

  static storage::Delivery DeliveryOf(const Entry& entry, const Row& row);
  const Entry* FindLocked(std::string_view id) const REQUIRES(mu_);
  void MakeRoomLocked() REQUIRES(mu_);
  void PopFrontLocked() REQUIRES(mu_);
  // The row of `sink` in the alert with `sequence`; null when there is none.
  Row* RowLocked(std::string_view sink, uint64_t sequence) REQUIRES(mu_);

  const Bounds bounds_;
  mutable base::Mutex mu_;
  std::deque<Entry> entries_ GUARDED_BY(mu_);                             // sequences without holes
  absl::flat_hash_map<std::string, uint64_t> sequences_ GUARDED_BY(mu_);  // by id
  size_t bytes_ GUARDED_BY(mu_) = 0;
  uint64_t newest_ GUARDED_BY(mu_) = 0;
  uint64_t lost_deliveries_ GUARDED_BY(mu_) = 0;
};

}  // namespace daemoneye::alerting
