// SqliteExecutionStore: ExecutionStore over the store's file.
//
// Threads:    any.
// Ownership:  borrows the file.
#pragma once

#include "libs/storage/execution_store.h"
#include "libs/storage/sqlite/store_file.h"

namespace daemoneye::storage {

class SqliteExecutionStore final : public ExecutionStore {
 public:
  explicit SqliteExecutionStore(StoreFile& file) : file_(file) {}

  absl::Status PutWorkflow(const v1::Workflow& workflow) override;
  absl::Status DeleteWorkflow(std::string_view id) override;
  absl::StatusOr<std::vector<v1::Workflow>> ListWorkflows() const override;
  absl::Status Save(std::span<const v1::WorkflowExecution* const> executions) override;
  absl::StatusOr<v1::WorkflowExecution> Get(std::string_view id) const override;
  absl::StatusOr<std::vector<StoredExecution>> List(const ExecutionQuery& query) const override;
  absl::StatusOr<std::vector<v1::WorkflowExecution>> Unfinished() const override;
  absl::StatusOr<uint64_t> Prune(absl::Time before, uint64_t max_kept, size_t max) override;

 private:
  StoreFile& file_;
};

}  // namespace daemoneye::storage
