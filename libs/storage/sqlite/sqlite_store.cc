#include "libs/storage/sqlite/sqlite_store.h"

#include "libs/base/status_macros.h"

namespace daemoneye::storage {

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const StoreFileOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<StoreFile> file, StoreFile::Open(options));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(file)));
  if (store->is_open()) RETURN_IF_ERROR(store->AuditSetAside(options.now));
  return store;
}

absl::Status SqliteStore::AuditSetAside(absl::Time now) {
  const std::string what = set_aside();
  if (what.empty()) return absl::OkStatus();
  return audit()
      .Append({.time = now,
               .actor = "server",
               .role = "server",
               .method = "store set aside",
               .target = path(),
               .outcome = "OK",
               .details = what})
      .status();
}

}  // namespace daemoneye::storage
