// FakeExecutionStore: an ExecutionStore in memory, which fails when a test says so.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/storage/execution_store.h"

namespace daemoneye::storage {

class FakeExecutionStore final : public ExecutionStore {
 public:
  void FailWith(absl::Status status) {
    base::MutexLock lock(mu_);
    failure_ = std::move(status);
  }
  size_t saves() const {
    base::MutexLock lock(mu_);
    return saves_;
  }

  absl::Status PutWorkflow(const v1::Workflow& workflow) override {
    base::MutexLock lock(mu_);
    if (failure_.ok()) workflows_[workflow.id()] = workflow;
    return failure_;
  }
  absl::Status DeleteWorkflow(std::string_view id) override {
    base::MutexLock lock(mu_);
    return workflows_.erase(std::string(id)) > 0 ? absl::OkStatus()
                                                 : absl::NotFoundError("no such workflow");
  }
  absl::StatusOr<std::vector<v1::Workflow>> ListWorkflows() const override {
    base::MutexLock lock(mu_);
    std::vector<v1::Workflow> workflows;
    for (const auto& [id, workflow] : workflows_) workflows.push_back(workflow);
    return workflows;
  }
  absl::Status Save(std::span<const v1::WorkflowExecution* const> executions) override {
    base::MutexLock lock(mu_);
    ++saves_;
    if (!failure_.ok()) return failure_;
    for (const v1::WorkflowExecution* execution : executions) {
      const auto [place, is_new] = places_.try_emplace(execution->id(), executions_.size());
      if (is_new) {
        executions_.push_back(*execution);
      } else {
        executions_[place->second] = *execution;
      }
    }
    return absl::OkStatus();
  }
  absl::StatusOr<v1::WorkflowExecution> Get(std::string_view id) const override {
    base::MutexLock lock(mu_);
    const auto place = places_.find(id);
    if (place == places_.end()) return absl::NotFoundError("no such execution");
    return executions_[place->second];
  }
  absl::StatusOr<std::vector<StoredExecution>> List(const ExecutionQuery& query) const override {
    base::MutexLock lock(mu_);
    std::vector<StoredExecution> found;
    for (size_t i = executions_.size(); i > 0 && found.size() < query.max; --i) {
      if (query.before != 0 && i >= query.before) continue;
      found.push_back({i, executions_[i - 1]});
    }
    return found;
  }
  absl::StatusOr<std::vector<v1::WorkflowExecution>> Unfinished() const override {
    base::MutexLock lock(mu_);
    std::vector<v1::WorkflowExecution> unfinished;
    std::ranges::copy_if(executions_, std::back_inserter(unfinished), [](const auto& execution) {
      return execution.status() <= v1::EXECUTION_STATUS_RUNNING;
    });
    return unfinished;
  }
  absl::StatusOr<uint64_t> Prune(absl::Time /*before*/, uint64_t /*max_kept*/,
                                 size_t /*max*/) override {
    return 0;
  }

 private:
  mutable base::Mutex mu_;
  absl::Status failure_ GUARDED_BY(mu_);
  size_t saves_ GUARDED_BY(mu_) = 0;
  std::map<std::string, v1::Workflow> workflows_ GUARDED_BY(mu_);
  std::vector<v1::WorkflowExecution> executions_ GUARDED_BY(mu_);
  std::map<std::string, size_t, std::less<>> places_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::storage
