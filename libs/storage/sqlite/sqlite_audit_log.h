// SqliteAuditLog: AuditLog over the store's file.
//
// Threads:    any.
// Ownership:  borrows the file.
#pragma once

#include "libs/storage/audit_log.h"
#include "libs/storage/sqlite/store_file.h"

namespace daemoneye::storage {

class SqliteAuditLog final : public AuditLog {
 public:
  explicit SqliteAuditLog(StoreFile& file) : file_(file) {}

  absl::StatusOr<uint64_t> Append(const AuditEntry& entry) override;
  absl::StatusOr<std::vector<AuditEntry>> ReadAfter(uint64_t after_sequence,
                                                    size_t max_entries) const override;
  absl::StatusOr<uint64_t> Prune(absl::Time before, uint64_t max_kept, size_t max_entries) override;

 private:
  StoreFile& file_;
};

}  // namespace daemoneye::storage
