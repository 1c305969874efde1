// ExecutionStore: workflows that were made by RPC, and the executions of all, kept over a restart.
//
// Threads: all methods from any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/workflow.pb.h"

namespace daemoneye::storage {

struct ExecutionQuery {
  // Empty: of all.
  std::string workflow_id;
  // Empty: with any.
  std::vector<v1::ExecutionStatus> statuses;
  // Accepted before the execution of this number; 0: the newest first.
  uint64_t before = 0;
  size_t max = 100;
};

struct StoredExecution {
  // Grows with each execution that is accepted.
  uint64_t number = 0;
  v1::WorkflowExecution execution;
};

class ExecutionStore {
 public:
  virtual ~ExecutionStore() = default;

  // Adds the workflow or replaces the one of its id.
  virtual absl::Status PutWorkflow(const v1::Workflow& workflow) = 0;
  // NotFound.
  virtual absl::Status DeleteWorkflow(std::string_view id) = 0;
  // All, by id.
  virtual absl::StatusOr<std::vector<v1::Workflow>> ListWorkflows() const = 0;

  // Adds each execution or replaces the one of its id; all or none.
  virtual absl::Status Save(std::span<const v1::WorkflowExecution* const> executions) = 0;
  // NotFound.
  virtual absl::StatusOr<v1::WorkflowExecution> Get(std::string_view id) const = 0;
  // The newest first.
  virtual absl::StatusOr<std::vector<StoredExecution>> List(const ExecutionQuery& query) const = 0;
  // Those that have not ended, in the order in which they were accepted.
  virtual absl::StatusOr<std::vector<v1::WorkflowExecution>> Unfinished() const = 0;
  // Forgets executions that were accepted before `before`, and the oldest beyond the newest
  // `max_kept`, but none that has not ended; how many, at most `max`.
  virtual absl::StatusOr<uint64_t> Prune(absl::Time before, uint64_t max_kept, size_t max) = 0;
};

}  // namespace daemoneye::storage
