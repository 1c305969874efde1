// The outbox of SqliteAlertStore: what each sink has yet to be given.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/storage/sqlite/event_columns.h"
#include "libs/storage/sqlite/sqlite_alert_store.h"

namespace daemoneye::storage {
namespace {

// Longest error that is kept, bytes.
constexpr size_t kMaxErrorBytes = 1024;

absl::Status CheckFound(int changes, std::string_view sink, uint64_t sequence) {
  if (changes > 0) return absl::OkStatus();
  return absl::NotFoundError(fmt::format("sink {} does not wait for alert {}", sink, sequence));
}

// Rows of sink, alert, attempts, next_attempt, created, last_error and the alert itself.
absl::Status ReadDeliveries(StatementUse& read, std::vector<Delivery>& deliveries) {
  while (read->executeStep()) {
    Delivery& delivery = deliveries.emplace_back();
    delivery.sink = read->getColumn(0).getString();
    delivery.attempts = read->getColumn(2).getUInt();
    delivery.next_attempt = absl::FromUnixNanos(read->getColumn(3).getInt64());
    delivery.created = absl::FromUnixNanos(read->getColumn(4).getInt64());
    delivery.last_error = read->getColumn(5).getString();
    const std::string_view bytes = BytesOf(read->getColumn(6));
    if (!delivery.alert.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::DataLossError("a stored alert does not parse");
    }
    delivery.alert.set_sequence(static_cast<uint64_t>(read->getColumn(1).getInt64()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Delivery>> SqliteAlertStore::Pending(std::string_view sink,
                                                                size_t max_deliveries) const {
  std::vector<Delivery> deliveries;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) -> absl::Status {
    StatementUse read = c.Use(
        "SELECT d.sink, d.alert, d.attempts, d.next_attempt, d.created, d.last_error, a.payload"
        " FROM deliveries d JOIN alerts a ON a.sequence = d.alert"
        " WHERE d.sink = ?1 AND d.state = 0 ORDER BY d.alert LIMIT ?2");
    read.BindText(1, sink);
    read->bind(2, static_cast<int64_t>(max_deliveries));
    return ReadDeliveries(read, deliveries);
  }));
  return deliveries;
}

absl::StatusOr<std::vector<Delivery>> SqliteAlertStore::DeadLetters(const DeadLetterFilter& filter,
                                                                    const DeadLetterPosition& after,
                                                                    size_t max_letters) const {
  std::vector<Delivery> deliveries;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) -> absl::Status {
    StatementUse read = c.Use(
        "SELECT d.sink, d.alert, d.attempts, d.next_attempt, d.created, d.last_error, a.payload"
        " FROM deliveries d JOIN alerts a ON a.sequence = d.alert"
        " WHERE (d.sink, d.alert) > (?1, ?2) AND d.state = 1 AND (?3 = '' OR d.sink = ?3)"
        " AND (?4 = '' OR a.id = ?4) ORDER BY d.sink, d.alert LIMIT ?5");
    read.BindText(1, after.sink);
    read->bind(2, static_cast<int64_t>(after.sequence));
    read.BindText(3, filter.sink);
    read.BindText(4, filter.alert_id);
    read->bind(5, static_cast<int64_t>(max_letters));
    return ReadDeliveries(read, deliveries);
  }));
  return deliveries;
}

absl::Status SqliteAlertStore::MarkDelivered(std::string_view sink, uint64_t sequence) {
  return file_.Write([&](Connection& c) {
    StatementUse erase = c.Use("DELETE FROM deliveries WHERE sink = ?1 AND alert = ?2");
    erase.BindText(1, sink);
    erase->bind(2, static_cast<int64_t>(sequence));
    return CheckFound(erase->exec(), sink, sequence);
  });
}

absl::Status SqliteAlertStore::MarkFailed(std::string_view sink, uint64_t sequence,
                                          absl::Time next_attempt, std::string_view error) {
  return file_.Write([&](Connection& c) {
    StatementUse put = c.Use(
        "UPDATE deliveries SET attempts = attempts + 1, next_attempt = ?3, last_error = ?4"
        " WHERE sink = ?1 AND alert = ?2");
    put.BindText(1, sink);
    put->bind(2, static_cast<int64_t>(sequence));
    put->bind(3, ToStoredTime(next_attempt));
    put.BindText(4, error.substr(0, kMaxErrorBytes));
    return CheckFound(put->exec(), sink, sequence);
  });
}

absl::Status SqliteAlertStore::MarkDead(std::string_view sink, uint64_t sequence,
                                        std::string_view error) {
  return file_.Write([&](Connection& c) {
    StatementUse put = c.Use(
        "UPDATE deliveries SET state = 1, attempts = attempts + 1, last_error = ?3"
        " WHERE sink = ?1 AND alert = ?2");
    put.BindText(1, sink);
    put->bind(2, static_cast<int64_t>(sequence));
    put.BindText(3, error.substr(0, kMaxErrorBytes));
    return CheckFound(put->exec(), sink, sequence);
  });
}

absl::StatusOr<uint64_t> SqliteAlertStore::ReplayDead(std::string_view sink,
                                                      std::string_view alert_id, absl::Time now) {
  uint64_t replayed = 0;
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    StatementUse put = c.Use(
        "UPDATE deliveries SET state = 0, attempts = 0, next_attempt = ?2, created = ?2"
        " WHERE sink = ?1 AND state = 1"
        " AND (?3 = '' OR alert = (SELECT sequence FROM alerts WHERE id = ?3))");
    put.BindText(1, sink);
    put->bind(2, ToStoredTime(now));
    put.BindText(3, alert_id);
    replayed = static_cast<uint64_t>(put->exec());
    return absl::OkStatus();
  }));
  return replayed;
}

absl::StatusOr<uint64_t> SqliteAlertStore::DropOtherSinks(std::span<const std::string> sinks) {
  uint64_t dropped = 0;
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    SQLite::Statement names(c.db(), "SELECT DISTINCT sink FROM deliveries");
    std::vector<std::string> others;
    while (names.executeStep()) {
      std::string name = names.getColumn(0).getString();
      if (std::ranges::find(sinks, name) == sinks.end()) others.push_back(std::move(name));
    }
    for (const std::string& name : others) {
      StatementUse erase = c.Use("DELETE FROM deliveries WHERE sink = ?1");
      erase.BindText(1, name);
      dropped += static_cast<uint64_t>(erase->exec());
    }
    return absl::OkStatus();
  }));
  return dropped;
}

absl::StatusOr<OutboxStatistics> SqliteAlertStore::Outbox(std::string_view sink) const {
  OutboxStatistics statistics;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) {
    StatementUse read = c.Use(
        "SELECT state, count(*), min(created) FROM deliveries WHERE sink = ?1 GROUP BY state");
    read.BindText(1, sink);
    while (read->executeStep()) {
      const auto count = static_cast<uint64_t>(read->getColumn(1).getInt64());
      if (read->getColumn(0).getInt() == 0) {
        statistics.pending = count;
        statistics.oldest_pending = absl::FromUnixNanos(read->getColumn(2).getInt64());
      } else {
        statistics.dead = count;
      }
    }
    return absl::OkStatus();
  }));
  return statistics;
}

}  // namespace daemoneye::storage
