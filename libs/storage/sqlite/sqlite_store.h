// SqliteStore: the Store that ships: one SQLite file.
//
// Threads:    as the stores in it.
// Ownership:  owns the file; outlives what its stores handed out.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/storage/sqlite/sqlite_alert_store.h"
#include "libs/storage/sqlite/sqlite_audit_log.h"
#include "libs/storage/sqlite/sqlite_event_store.h"
#include "libs/storage/sqlite/sqlite_execution_store.h"
#include "libs/storage/sqlite/sqlite_trigger_store.h"
#include "libs/storage/sqlite/store_file.h"
#include "libs/storage/store.h"

namespace daemoneye::storage {

class SqliteStore final : public Store {
 public:
  // As StoreFile::Open: a disk that is too full is no error. A file that was set aside is told by
  // set_aside() and in the new file's audit.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const StoreFileOptions& options);

  EventStore& events() override { return events_; }
  AlertStore& alerts() override { return alerts_; }
  TriggerStore& triggers() override { return triggers_; }
  ExecutionStore& executions() override { return executions_; }
  AuditLog& audit() override { return audit_; }
  absl::Status health() const override { return file_->health(); }
  std::map<std::string, TableRows> rows() const override { return file_->counts().rows(); }

  // False as long as the disk was too full to open the file: every write tries again.
  bool is_open() const { return file_->is_open(); }
  // Puts it into the audit that a broken file was set aside, where one was.
  absl::Status AuditSetAside(absl::Time now);

  // A connection of the caller's own that can only read: for RunQuery.
  absl::StatusOr<std::unique_ptr<Connection>> OpenReader() const { return file_->OpenReader(); }

  const std::string& path() const { return file_->path(); }
  std::string set_aside() const { return file_->set_aside(); }
  bool is_checked() const { return file_->is_checked(); }

 private:
  explicit SqliteStore(std::unique_ptr<StoreFile> file)
      : file_(std::move(file)),
        events_(*file_),
        alerts_(*file_),
        triggers_(*file_),
        executions_(*file_),
        audit_(*file_) {}

  const std::unique_ptr<StoreFile> file_;
  SqliteEventStore events_;
  SqliteAlertStore alerts_;
  SqliteTriggerStore triggers_;
  SqliteExecutionStore executions_;
  SqliteAuditLog audit_;
};

}  // namespace daemoneye::storage
