// StoreFile: the store's file, opened: locked against a second process, checked, migrated. A file
// that is broken is set aside and a new one begun. Where the disk is too full to open it, every
// Write tries again, and until one can, all fails with ResourceExhausted.
//
// Threads:    Write and Read from any; each waits for others of its sort.
// Ownership:  owns the lock and two connections, one that writes and one that reads.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "libs/base/unique_fd.h"
#include "libs/storage/sqlite/connection.h"
#include "libs/storage/sqlite/table_counts.h"

namespace daemoneye::storage {

struct StoreFileOptions {
  // Of the file; its directory exists, or can be made.
  std::string path;
  // The integrity check at the start ends after this, checked or not.
  absl::Duration check_limit = absl::Seconds(5);
  // For the name of a file that is set aside.
  absl::Time now;
};

class StoreFile {
 public:
  // FailedPrecondition: another process has it, it is newer than this program, or it is some other
  // database. Unavailable: it cannot be opened or made.
  static absl::StatusOr<std::unique_ptr<StoreFile>> Open(const StoreFileOptions& options);

  const std::string& path() const { return options_.path; }
  // False as long as the disk was too full to open it.
  bool is_open() const {
    base::MutexLock lock(state_mu_);
    return is_open_;
  }
  // What the caller has to say loudly: the broken file and what was wrong with it; empty: nothing.
  std::string set_aside() const {
    base::MutexLock lock(state_mu_);
    return set_aside_;
  }
  // False when the check at the start was cut off by its limit.
  bool is_checked() const {
    base::MutexLock lock(state_mu_);
    return is_checked_;
  }

  // Runs `work` in a transaction on the connection that writes. What went wrong with the file
  // itself also becomes health(): until a write that works or, of a broken file, to the end.
  template <typename Work>
  absl::Status Write(Work&& work) {
    base::MutexLock lock(write_mu_);
    absl::Status status = writer_ == nullptr ? OpenAll() : absl::OkStatus();
    if (status.ok()) status = writer_->RunTransaction(work);
    NoteHealth(status);
    return status;
  }
  // Runs `work` on the connection that reads.
  template <typename Work>
  absl::Status Read(Work&& work) const {
    base::MutexLock lock(read_mu_);
    if (reader_ == nullptr) return health();
    absl::Status status = reader_->Run(work);
    if (absl::IsDataLoss(status)) NoteHealth(status);
    return status;
  }
  // A connection of the caller's own that can only read.
  absl::StatusOr<std::unique_ptr<Connection>> OpenReader() const;

  absl::Status health() const;

  TableCounts& counts() { return counts_; }
  const TableCounts& counts() const { return counts_; }

 private:
  explicit StoreFile(const StoreFileOptions& options) : options_(options) {}

  absl::Status OpenAll() REQUIRES(write_mu_);
  absl::Status Lock() REQUIRES(write_mu_);
  absl::Status OpenWriter() REQUIRES(write_mu_);
  absl::Status Check() REQUIRES(write_mu_);
  absl::Status SetAside(const absl::Status& reason);
  void NoteHealth(const absl::Status& status) const;

  const StoreFileOptions options_;
  TableCounts counts_;

  base::Mutex write_mu_;  // before read_mu_, and that before state_mu_
  base::UniqueFd lock_ GUARDED_BY(write_mu_);
  std::unique_ptr<Connection> writer_ GUARDED_BY(write_mu_);
  mutable base::Mutex read_mu_;
  std::unique_ptr<Connection> reader_ GUARDED_BY(read_mu_);
  mutable base::Mutex state_mu_;
  bool is_open_ GUARDED_BY(state_mu_) = false;
  std::string set_aside_ GUARDED_BY(state_mu_);
  bool is_checked_ GUARDED_BY(state_mu_) = false;
  mutable absl::Status health_ GUARDED_BY(state_mu_);
};

}  // namespace daemoneye::storage
