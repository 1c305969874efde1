#include "libs/storage/sqlite/sqlite_store.h"

#include "libs/base/status_macros.h"

namespace daemoneye::storage {

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const StoreFileOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<StoreFile> file, StoreFile::Open(options));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(file)));
  if (!store->set_aside().empty()) {
    RETURN_IF_ERROR(store->audit()
                        .Append({.time = options.now,
                                 .actor = "server",
                                 .role = "server",
                                 .method = "store set aside",
                                 .target = options.path,
                                 .outcome = "OK",
                                 .details = store->set_aside()})
                        .status());
  }
  return store;
}

}  // namespace daemoneye::storage
