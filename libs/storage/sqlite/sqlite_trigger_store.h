// SqliteTriggerStore: TriggerStore over the store's file.
//
// Threads:    any.
// Ownership:  borrows the file.
#pragma once

#include "libs/storage/sqlite/store_file.h"
#include "libs/storage/trigger_store.h"

namespace daemoneye::storage {

class SqliteTriggerStore final : public TriggerStore {
 public:
  explicit SqliteTriggerStore(StoreFile& file) : file_(file) {}

  absl::Status Put(const v1::Trigger& trigger) override;
  absl::Status Delete(std::string_view id) override;
  absl::StatusOr<std::vector<v1::Trigger>> List() const override;
  absl::Status SetMute(std::string_view trigger_id, absl::Time until) override;
  absl::StatusOr<std::map<std::string, absl::Time>> Mutes() const override;

 private:
  StoreFile& file_;
};

}  // namespace daemoneye::storage
