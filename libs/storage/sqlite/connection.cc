#include "libs/storage/sqlite/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>

namespace daemoneye::storage {

void StatementUse::BindText(int index, std::string_view text) {
  // SQLiteCpp has no text that is not copied and has a length.
  statement_.bind(index, std::string(text));
}

void StatementUse::BindBytes(int index, std::string_view bytes) {
  statement_.bindNoCopy(index, static_cast<const void*>(bytes.empty() ? "" : bytes.data()),
                        static_cast<int>(bytes.size()));
}

void StatementUse::sqlite_clear() noexcept {
  statement_.clearBindings();  // sqlite3_clear_bindings() never fails
}

StatementUse Connection::Use(const char* sql) {
  std::unique_ptr<SQLite::Statement>& statement = statements_[sql];
  if (statement == nullptr) statement = std::make_unique<SQLite::Statement>(db_, sql);
  return StatementUse(*statement);
}

int64_t Connection::Number(const char* sql) {
  StatementUse use = Use(sql);
  return use->executeStep() ? use->getColumn(0).getInt64() : 0;
}

absl::Status Connection::ToStatus(const SQLite::Exception& error) const {
  const int system_error = sqlite3_system_errno(db_.getHandle());
  const int code = error.getErrorCode() & 0xFF;
  const bool is_of_system = code == SQLITE_IOERR || code == SQLITE_CANTOPEN;
  const bool is_full =
      is_of_system && (system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG);
  return absl::Status(
      is_full ? absl::StatusCode::kResourceExhausted : CodeOf(error.getExtendedErrorCode()),
      fmt::format("store: {} (sqlite {})", error.what(), error.getExtendedErrorCode()));
}

std::string_view BytesOf(const SQLite::Column& column) {
  const void* bytes = column.getBlob();
  return bytes == nullptr ? std::string_view()
                          : std::string_view(static_cast<const char*>(bytes),
                                             static_cast<size_t>(column.getBytes()));
}

absl::StatusCode CodeOf(int sqlite_code) {
  // SQLite has a code for ENOSPC alone; a quota, or a limit on file sizes, is a write that failed.
  if (sqlite_code == SQLITE_IOERR_WRITE || sqlite_code == SQLITE_IOERR_SHMSIZE) {
    return absl::StatusCode::kResourceExhausted;
  }
  switch (sqlite_code & 0xFF) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CONSTRAINT:
      return absl::StatusCode::kAlreadyExists;
    case SQLITE_INTERRUPT:
      return absl::StatusCode::kCancelled;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace daemoneye::storage
