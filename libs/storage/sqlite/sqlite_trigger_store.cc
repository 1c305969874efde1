#include "libs/storage/sqlite/sqlite_trigger_store.h"

#include <fmt/format.h>

#include "libs/base/status_macros.h"
#include "libs/storage/sqlite/event_columns.h"

namespace daemoneye::storage {

absl::Status SqliteTriggerStore::Put(const v1::Trigger& trigger) {
  const std::string bytes = trigger.SerializeAsString();
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    StatementUse put = c.Use("INSERT OR REPLACE INTO triggers(id, payload) VALUES(?1, ?2)");
    put.BindText(1, trigger.id());
    put.BindBytes(2, bytes);
    put->exec();
    return absl::OkStatus();
  }));
  file_.counts().AddStored(StoreTable::kTriggers, 1);
  return absl::OkStatus();
}

absl::Status SqliteTriggerStore::Delete(std::string_view id) {
  return file_.Write([&](Connection& c) -> absl::Status {
    StatementUse erase = c.Use("DELETE FROM triggers WHERE id = ?1");
    erase.BindText(1, id);
    if (erase->exec() > 0) return absl::OkStatus();
    return absl::NotFoundError(fmt::format("no trigger {}", id));
  });
}

absl::StatusOr<std::vector<v1::Trigger>> SqliteTriggerStore::List() const {
  std::vector<v1::Trigger> triggers;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) -> absl::Status {
    StatementUse read = c.Use("SELECT payload FROM triggers ORDER BY id");
    while (read->executeStep()) {
      const std::string_view bytes = BytesOf(read->getColumn(0));
      if (!triggers.emplace_back().ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return absl::DataLossError("a stored trigger does not parse");
      }
    }
    return absl::OkStatus();
  }));
  return triggers;
}

absl::Status SqliteTriggerStore::SetMute(std::string_view trigger_id, absl::Time until) {
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    StatementUse change =
        until == absl::InfinitePast()
            ? c.Use("DELETE FROM mutes WHERE trigger_id = ?1")
            : c.Use("INSERT OR REPLACE INTO mutes(trigger_id, until) VALUES(?1, ?2)");
    change.BindText(1, trigger_id);
    if (until != absl::InfinitePast()) change->bind(2, ToStoredTime(until));
    change->exec();
    return absl::OkStatus();
  }));
  if (until != absl::InfinitePast()) file_.counts().AddStored(StoreTable::kMutes, 1);
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, absl::Time>> SqliteTriggerStore::Mutes() const {
  std::map<std::string, absl::Time> mutes;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) {
    StatementUse read = c.Use("SELECT trigger_id, until FROM mutes");
    while (read->executeStep()) {
      mutes[read->getColumn(0).getString()] = absl::FromUnixNanos(read->getColumn(1).getInt64());
    }
    return absl::OkStatus();
  }));
  return mutes;
}

}  // namespace daemoneye::storage
