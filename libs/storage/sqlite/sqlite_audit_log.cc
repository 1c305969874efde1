#include "libs/storage/sqlite/sqlite_audit_log.h"

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/storage/sqlite/event_columns.h"

namespace daemoneye::storage {
namespace {

constexpr size_t kMaxTextBytes = 4096;

}  // namespace

absl::StatusOr<uint64_t> SqliteAuditLog::Append(const AuditEntry& entry) {
  uint64_t sequence = 0;
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    StatementUse add = c.Use(
        "INSERT INTO audit(time, actor, role, method, target, outcome, details)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    add->bind(1, ToStoredTime(entry.time));
    int index = 2;
    for (const std::string* text : {&entry.actor, &entry.role, &entry.method, &entry.target,
                                    &entry.outcome, &entry.details}) {
      add.BindText(index++, base::Utf8Prefix(*text, kMaxTextBytes));
    }
    add->exec();
    sequence = static_cast<uint64_t>(c.db().getLastInsertRowid());
    return absl::OkStatus();
  }));
  file_.counts().AddStored(StoreTable::kAudit, 1);
  return sequence;
}

absl::StatusOr<std::vector<AuditEntry>> SqliteAuditLog::ReadAfter(uint64_t after_sequence,
                                                                  size_t max_entries) const {
  std::vector<AuditEntry> entries;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) {
    StatementUse read = c.Use(
        "SELECT sequence, time, actor, role, method, target, outcome, details FROM audit"
        " WHERE sequence > ?1 ORDER BY sequence LIMIT ?2");
    read->bind(1, static_cast<int64_t>(after_sequence));
    read->bind(2, static_cast<int64_t>(max_entries));
    while (read->executeStep()) {
      AuditEntry& entry = entries.emplace_back();
      entry.sequence = static_cast<uint64_t>(read->getColumn(0).getInt64());
      entry.time = absl::FromUnixNanos(read->getColumn(1).getInt64());
      int index = 2;
      for (std::string* text : {&entry.actor, &entry.role, &entry.method, &entry.target,
                                &entry.outcome, &entry.details}) {
        *text = read->getColumn(index++).getString();
      }
    }
    return absl::OkStatus();
  }));
  return entries;
}

absl::StatusOr<uint64_t> SqliteAuditLog::Prune(absl::Time before, uint64_t max_kept,
                                               size_t max_entries) {
  uint64_t pruned = 0;
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    StatementUse expired = c.Use(
        "DELETE FROM audit WHERE sequence IN"
        " (SELECT sequence FROM audit WHERE time < ?1 ORDER BY time LIMIT ?2)");
    expired->bind(1, ToStoredTime(before));
    expired->bind(2, static_cast<int64_t>(max_entries));
    pruned = static_cast<uint64_t>(expired->exec());
    StatementUse evicted = c.Use(
        "DELETE FROM audit WHERE sequence IN (SELECT sequence FROM audit WHERE sequence <="
        " (SELECT max(sequence) FROM audit) - ?1 ORDER BY sequence LIMIT ?2)");
    evicted->bind(1, static_cast<int64_t>(max_kept));
    evicted->bind(2, static_cast<int64_t>(max_entries - pruned));
    pruned += static_cast<uint64_t>(evicted->exec());
    return absl::OkStatus();
  }));
  file_.counts().AddPruned(StoreTable::kAudit, pruned);
  return pruned;
}

}  // namespace daemoneye::storage
