#include "libs/storage/sqlite/sqlite_alert_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/storage/sqlite/event_columns.h"

namespace daemoneye::storage {
namespace {

using google::protobuf::util::TimeUtil;

absl::Status ParseAlert(std::string_view bytes, int64_t sequence, v1::Alert& alert) {
  if (!alert.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(fmt::format("stored alert {} does not parse", sequence));
  }
  alert.set_sequence(static_cast<uint64_t>(sequence));
  return absl::OkStatus();
}

template <typename List>
bool IsAmong(const List& list, const std::string& value) {
  return list.empty() || std::ranges::find(list, value) != list.end();
}

absl::Status FindAlert(Connection& c, std::string_view id, v1::Alert& alert) {
  StatementUse find = c.Use("SELECT sequence, payload FROM alerts WHERE id = ?1");
  find.BindText(1, id);
  if (!find->executeStep()) return absl::NotFoundError(fmt::format("no alert {}", id));
  return ParseAlert(BytesOf(find->getColumn(1)), find->getColumn(0).getInt64(), alert);
}

// The sequence it was given; 0: its id is known.
int64_t Insert(Connection& c, const AlertToStore& each, absl::Time now) {
  const std::string bytes = each.alert->SerializeAsString();
  // Asked before, since an INSERT that does nothing takes a sequence, too.
  StatementUse known = c.Use("SELECT 1 FROM alerts WHERE id = ?1");
  known.BindText(1, each.alert->id());
  if (known->executeStep()) return 0;
  StatementUse add = c.Use("INSERT INTO alerts(id, time, payload) VALUES(?1, ?2, ?3)");
  add.BindText(1, each.alert->id());
  add->bind(2, each.alert->time().seconds() * 1'000'000'000 + each.alert->time().nanos());
  add.BindBytes(3, bytes);
  add->exec();
  const int64_t sequence = c.db().getLastInsertRowid();
  StatementUse deliver = c.Use(
      "INSERT OR IGNORE INTO deliveries(sink, alert, state, attempts, next_attempt, created,"
      " last_error) VALUES(?1, ?2, 0, 0, ?3, ?3, '')");
  for (const std::string& sink : each.sinks) {
    deliver.BindText(1, sink);
    deliver->bind(2, sequence);
    deliver->bind(3, ToStoredTime(now));
    deliver->exec();
    deliver->tryReset();
  }
  return sequence;
}

}  // namespace

bool Matches(const v1::AlertFilter& filter, const v1::Alert& alert) {
  return alert.severity() >= filter.minimum_severity() &&
         IsAmong(filter.trigger_ids(), alert.trigger_id()) &&
         IsAmong(filter.hosts(), alert.host()) &&
         (filter.process_key().empty() || filter.process_key() == alert.process_key()) &&
         (filter.state() == v1::ALERT_STATE_UNSPECIFIED || filter.state() == alert.state()) &&
         (!filter.has_since() || alert.time() >= filter.since()) &&
         (!filter.has_until() || alert.time() < filter.until());
}

absl::StatusOr<uint64_t> SqliteAlertStore::Append(v1::Alert& alert,
                                                  std::span<const std::string> sinks,
                                                  absl::Time now) {
  alert.clear_sequence();
  const AlertToStore one[] = {{.alert = &alert, .sinks = {sinks.begin(), sinks.end()}}};
  RETURN_IF_ERROR(AppendAll(one, now));
  if (alert.sequence() == 0) {
    return absl::AlreadyExistsError(fmt::format("there is an alert {} already", alert.id()));
  }
  return alert.sequence();
}

absl::Status SqliteAlertStore::AppendAll(std::span<const AlertToStore> alerts, absl::Time now) {
  // What each was given: told once it is certain.
  std::vector<int64_t> sequences(alerts.size());
  uint64_t deliveries = 0;
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    for (size_t i = 0; i < alerts.size(); ++i) {
      if (alerts[i].alert->sequence() != 0) continue;
      sequences[i] = Insert(c, alerts[i], now);
      if (sequences[i] != 0) deliveries += alerts[i].sinks.size();
    }
    return absl::OkStatus();
  }));
  uint64_t stored = 0;
  for (size_t i = 0; i < alerts.size(); ++i) {
    if (sequences[i] == 0) continue;
    alerts[i].alert->set_sequence(static_cast<uint64_t>(sequences[i]));
    ++stored;
  }
  file_.counts().AddStored(StoreTable::kAlerts, stored);
  file_.counts().AddStored(StoreTable::kDeliveries, deliveries);
  return absl::OkStatus();
}

absl::StatusOr<v1::Alert> SqliteAlertStore::Get(std::string_view id) const {
  v1::Alert alert;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) { return FindAlert(c, id, alert); }));
  return alert;
}

absl::StatusOr<std::vector<v1::Alert>> SqliteAlertStore::Select(const char* sql,
                                                                const v1::AlertFilter& filter,
                                                                uint64_t sequence,
                                                                size_t max_alerts) const {
  std::vector<v1::Alert> alerts;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) -> absl::Status {
    StatementUse read = c.Use(sql);
    read->bind(1, static_cast<int64_t>(std::min<uint64_t>(sequence, INT64_MAX)));
    while (alerts.size() < max_alerts && read->executeStep()) {
      v1::Alert alert;
      RETURN_IF_ERROR(
          ParseAlert(BytesOf(read->getColumn(1)), read->getColumn(0).getInt64(), alert));
      if (Matches(filter, alert)) alerts.push_back(std::move(alert));
    }
    return absl::OkStatus();
  }));
  return alerts;
}

absl::StatusOr<std::vector<v1::Alert>> SqliteAlertStore::List(const v1::AlertFilter& filter,
                                                              uint64_t before_sequence,
                                                              size_t max_alerts) const {
  return Select("SELECT sequence, payload FROM alerts WHERE sequence < ?1 ORDER BY sequence DESC",
                filter, before_sequence == 0 ? INT64_MAX : before_sequence, max_alerts);
}

absl::StatusOr<std::vector<v1::Alert>> SqliteAlertStore::ReadAfter(const v1::AlertFilter& filter,
                                                                   uint64_t after_sequence,
                                                                   size_t max_alerts) const {
  return Select("SELECT sequence, payload FROM alerts WHERE sequence > ?1 ORDER BY sequence",
                filter, after_sequence, max_alerts);
}

absl::StatusOr<AlertRange> SqliteAlertStore::range() const {
  AlertRange range;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) {
    // AUTOINCREMENT's own count outlives the rows.
    range.newest = static_cast<uint64_t>(
        c.Number("SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'alerts'), 0)"));
    const auto oldest =
        static_cast<uint64_t>(c.Number("SELECT ifnull(min(sequence), 0) FROM alerts"));
    range.oldest = oldest == 0 ? range.newest + 1 : oldest;
    return absl::OkStatus();
  }));
  return range;
}

absl::StatusOr<v1::Alert> SqliteAlertStore::Acknowledge(std::string_view id, std::string_view by,
                                                        std::string_view comment, absl::Time now) {
  v1::Alert alert;
  RETURN_IF_ERROR(file_.Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(FindAlert(c, id, alert));
    alert.set_state(v1::ALERT_STATE_ACKNOWLEDGED);
    alert.set_acknowledged_by(std::string(by));
    alert.set_comment(std::string(comment));
    *alert.mutable_acknowledged_at() = TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(now));
    const std::string bytes = alert.SerializeAsString();
    StatementUse put = c.Use("UPDATE alerts SET payload = ?2 WHERE id = ?1");
    put.BindText(1, id);
    put.BindBytes(2, bytes);
    put->exec();
    return absl::OkStatus();
  }));
  return alert;
}

absl::StatusOr<uint64_t> SqliteAlertStore::PruneAlerts(absl::Time before, uint64_t max_kept,
                                                       size_t max_alerts) {
  uint64_t pruned = 0;
  uint64_t letters = 0;
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    StatementUse expired = c.Use(
        "DELETE FROM alerts WHERE sequence IN (SELECT sequence FROM alerts WHERE time < ?1"
        " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE alert = sequence AND state = 0)"
        " ORDER BY time LIMIT ?2)");
    expired->bind(1, ToStoredTime(before));
    expired->bind(2, static_cast<int64_t>(max_alerts));
    pruned = static_cast<uint64_t>(expired->exec());
    StatementUse evicted = c.Use(
        "DELETE FROM alerts WHERE sequence IN (SELECT sequence FROM alerts WHERE sequence <="
        " (SELECT max(sequence) FROM alerts) - ?1"
        " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE alert = sequence AND state = 0)"
        " ORDER BY sequence LIMIT ?2)");
    evicted->bind(1, static_cast<int64_t>(max_kept));
    evicted->bind(2, static_cast<int64_t>(max_alerts));
    pruned += static_cast<uint64_t>(evicted->exec());
    if (pruned > 0) {
      StatementUse dead = c.Use(
          "DELETE FROM deliveries WHERE state = 1 AND alert NOT IN (SELECT sequence FROM alerts)");
      letters = static_cast<uint64_t>(dead->exec());
    }
    return absl::OkStatus();
  }));
  file_.counts().AddPruned(StoreTable::kAlerts, pruned);
  file_.counts().AddPruned(StoreTable::kDeliveries, letters);
  return pruned;
}

}  // namespace daemoneye::storage
