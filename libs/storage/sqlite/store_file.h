// StoreFile: the store's file, opened: locked against a second process, checked, migrated. A file
// that is broken is set aside and a new one begun.
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
  // database. Unavailable, ResourceExhausted: it cannot be opened or made.
  static absl::StatusOr<std::unique_ptr<StoreFile>> Open(const StoreFileOptions& options);

  const std::string& path() const { return options_.path; }
  // What the caller has to say loudly: the broken file and what was wrong with it; empty: nothing.
  const std::string& set_aside() const { return set_aside_; }
  // False when the check at the start was cut off by its limit.
  bool is_checked() const { return is_checked_; }

  // Runs `work` in a transaction on the connection that writes. What went wrong with the file
  // itself also becomes health().
  template <typename Work>
  absl::Status Write(Work&& work) {
    base::MutexLock lock(write_mu_);
    absl::Status status = writer_->RunTransaction(work);
    NoteHealth(status);
    return status;
  }
  // Runs `work` on the connection that reads.
  template <typename Work>
  absl::Status Read(Work&& work) const {
    base::MutexLock lock(read_mu_);
    return reader_->Run(work);
  }
  // A connection of the caller's own that can only read.
  absl::StatusOr<std::unique_ptr<Connection>> OpenReader() const;

  absl::Status health() const;

 private:
  explicit StoreFile(const StoreFileOptions& options) : options_(options) {}

  absl::Status Lock();
  absl::Status OpenWriter();
  absl::Status Check();
  absl::Status SetAside(const absl::Status& reason);
  void NoteHealth(const absl::Status& status);

  const StoreFileOptions options_;
  base::UniqueFd lock_;
  std::string set_aside_;
  bool is_checked_ = false;

  base::Mutex write_mu_;
  std::unique_ptr<Connection> writer_ GUARDED_BY(write_mu_);
  mutable base::Mutex read_mu_;
  std::unique_ptr<Connection> reader_ GUARDED_BY(read_mu_);
  mutable base::Mutex health_mu_;
  absl::Status health_ GUARDED_BY(health_mu_);
};

}  // namespace daemoneye::storage
