// SqliteAlertStore: AlertStore over the store's file.
//
// Threads:    any.
// Ownership:  borrows the file.
// Cost:       a List looks at each alert from the newest on until it has its page.
#pragma once

#include "libs/storage/alert_store.h"
#include "libs/storage/sqlite/store_file.h"

namespace daemoneye::storage {

class SqliteAlertStore final : public AlertStore {
 public:
  explicit SqliteAlertStore(StoreFile& file) : file_(file) {}

  absl::StatusOr<uint64_t> Append(v1::Alert& alert, std::span<const std::string> sinks,
                                  absl::Time now) override;
  absl::Status AppendAll(std::span<const AlertToStore> alerts, absl::Time now) override;
  absl::StatusOr<v1::Alert> Get(std::string_view id) const override;
  absl::StatusOr<std::vector<v1::Alert>> List(const v1::AlertFilter& filter,
                                              uint64_t before_sequence,
                                              size_t max_alerts) const override;
  absl::StatusOr<std::vector<v1::Alert>> ReadAfter(const v1::AlertFilter& filter,
                                                   uint64_t after_sequence,
                                                   size_t max_alerts) const override;
  absl::StatusOr<AlertRange> range() const override;
  absl::StatusOr<v1::Alert> Acknowledge(std::string_view id, std::string_view by,
                                        std::string_view comment, absl::Time now) override;
  absl::StatusOr<std::vector<Delivery>> Pending(std::string_view sink,
                                                size_t max_deliveries) const override;
  absl::Status MarkDelivered(std::string_view sink, uint64_t sequence) override;
  absl::Status MarkFailed(std::string_view sink, uint64_t sequence, absl::Time next_attempt,
                          std::string_view error) override;
  absl::Status MarkDead(std::string_view sink, uint64_t sequence, std::string_view error) override;
  absl::StatusOr<std::vector<Delivery>> DeadLetters(const DeadLetterFilter& filter,
                                                    const DeadLetterPosition& after,
                                                    size_t max_letters) const override;
  absl::StatusOr<uint64_t> ReplayDead(std::string_view sink, std::string_view alert_id,
                                      absl::Time now) override;
  absl::StatusOr<uint64_t> DropOtherSinks(std::span<const std::string> sinks) override;
  absl::StatusOr<OutboxStatistics> Outbox(std::string_view sink) const override;
  absl::StatusOr<uint64_t> PruneAlerts(absl::Time before, uint64_t max_kept,
                                       size_t max_alerts) override;

 private:
  absl::StatusOr<std::vector<v1::Alert>> Select(const char* sql, const v1::AlertFilter& filter,
                                                uint64_t sequence, size_t max_alerts) const;

  StoreFile& file_;
};

// Whether an alert is one that `filter` asks for.
bool Matches(const v1::AlertFilter& filter, const v1::Alert& alert);

}  // namespace daemoneye::storage
