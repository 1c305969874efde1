// Connection: a SQLite connection with the statements that were prepared on it; and the one place
// where SQLiteCpp's exceptions become a Status.
//
// Threads: compatible.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

namespace daemoneye::storage {

// A prepared statement while it is used; reset when it goes.
class StatementUse {
 public:
  explicit StatementUse(SQLite::Statement& statement) : statement_(statement) {}
  ~StatementUse() {
    statement_.tryReset();
    sqlite_clear();
  }
  StatementUse(const StatementUse&) = delete;
  StatementUse& operator=(const StatementUse&) = delete;

  SQLite::Statement* operator->() { return &statement_; }
  // Binds a text; `text` outlives the use.
  void BindText(int index, std::string_view text);
  // Binds bytes; they outlive the use.
  void BindBytes(int index, std::string_view bytes);

 private:
  void sqlite_clear() noexcept;

  SQLite::Statement& statement_;
};

class Connection {
 public:
  // Throws SQLite::Exception, as everything here but Run.
  Connection(const std::string& path, int flags) : db_(path, flags) {}

  SQLite::Database& db() { return db_; }
  // The statement of `sql`, prepared once; `sql` is a literal.
  StatementUse Use(const char* sql);
  // A number that a statement or PRAGMA yields.
  int64_t Number(const char* sql);

  // Runs `work`, which returns a Status and may throw SQLite::Exception.
  template <typename Work>
  absl::Status Run(Work&& work) {
    try {
      return work(*this);
    } catch (const SQLite::Exception& e) {
      return ToStatus(e);
    } catch (const std::exception& e) {
      return absl::InternalError(e.what());
    }
  }
  // The same within a transaction, which an error takes back.
  template <typename Work>
  absl::Status RunTransaction(Work&& work) {
    return Run([&](Connection& connection) -> absl::Status {
      SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
      // Made a Status before the roll-back, which forgets what the system said.
      absl::Status status = connection.Run(work);
      if (!status.ok()) return status;
      return connection.Run([&](Connection&) {
        transaction.commit();
        return absl::OkStatus();
      });
    });
  }

 private:
  absl::Status ToStatus(const SQLite::Exception& error) const;

  SQLite::Database db_;
  absl::flat_hash_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

// Bytes or text of a column; valid until the statement moves on.
std::string_view BytesOf(const SQLite::Column& column);

// ResourceExhausted for a full disk, DataLoss for a broken file, Unavailable for what may pass,
// else Internal. Takes extended codes.
absl::StatusCode CodeOf(int sqlite_code);

}  // namespace daemoneye::storage
