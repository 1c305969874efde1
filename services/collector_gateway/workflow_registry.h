// WorkflowRegistry: which workflows there are: the default ones, the file's, and those of the API.
//
// Of one id the API's counts before the file's, and the file's before the default one. A change is
// whole or not at all: it is checked, the store keeps it, then everybody sees it.
//
// Threads:    any. Changes wait for one another and for the store; the rest never waits for them.
// Ownership:  borrows all of WorkflowRegistryPorts, which outlives it.
// Bounds:     1,000 workflows of 128 KiB.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/workflow.pb.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/config/config.h"
#include "libs/storage/execution_store.h"
#include "services/collector_gateway/workflow_config.h"

namespace daemoneye::gateway {

struct WorkflowRegistryPorts {
  base::Clock& clock;
  // Null: workflows of the API last as long as the process.
  storage::ExecutionStore* store = nullptr;
  // Whether this gateway can do what a stage asks for: its analyzer knows the type, its SQL
  // compiles. FailedPrecondition, InvalidArgument, Unavailable. Asked for workflows of the API and
  // by CheckWorkflows. Empty: it can.
  std::function<absl::Status(const v1::WorkflowStage&)> check_stage;
  // The id of a trigger that names the workflow; "": none does. May not call the registry but for
  // Find. Empty: none does.
  std::function<std::string(std::string_view)> trigger_using;
};

class WorkflowRegistry {
 public:
  static constexpr size_t kMaxWorkflows = 1'000;
  using WorkflowPtr = std::shared_ptr<const v1::Workflow>;

  explicit WorkflowRegistry(WorkflowRegistryPorts ports);

  // What was stored, then the file's: once, before anything else. Where the disk is too full to
  // open the store, the file's alone: see LoadStored. A stored workflow that is refused now is kept
  // and told by Problems. The store's error.
  absl::Status Load(WorkflowConfig config);
  // What was stored, where the store could not be read at Load: what was made since then stays.
  absl::Status LoadStored();
  // The file's next generation.
  void Reload(WorkflowConfig config);

  // Null: there is none that can be run.
  WorkflowPtr Find(std::string_view id) const;
  // NotFound; FailedPrecondition: it was stored, and is refused now.
  absl::StatusOr<WorkflowPtr> Get(std::string_view id) const;
  // By id, those behind `after_id`; those that are refused, too.
  std::vector<WorkflowPtr> List(std::string_view after_id, size_t max) const;

  // As WorkflowService has them. InvalidArgument "workflow.stages[1].depends_on[0]: ...";
  // AlreadyExists, ResourceExhausted, and what check_stage says.
  absl::StatusOr<v1::Workflow> Create(v1::Workflow workflow);
  // NotFound; FailedPrecondition: it is the file's, or a trigger names it.
  absl::Status Delete(std::string_view id);
  // What Create would say of a workflow that is only run; it needs no id.
  absl::Status CheckInline(const v1::Workflow& workflow) const;

  // One sentence for each workflow that cannot be run, and where what was stored is not there yet.
  std::vector<std::string> Problems() const;

 private:
  struct State {
    std::map<std::string, WorkflowPtr, std::less<>> file;
    std::map<std::string, WorkflowPtr, std::less<>> api;
    std::map<std::string, std::string, std::less<>> refused;  // of api: why each cannot be run
    // Why what was stored is not there; empty: it is.
    std::string unread;

    WorkflowPtr Find(std::string_view id) const;
  };

  void TakeFile(WorkflowConfig config, State& next) const;
  absl::Status ReadStored(State& next) const;
  std::shared_ptr<const State> Current() const;
  void Publish(State next);

  const WorkflowRegistryPorts ports_;
  base::Mutex change_mu_;  // held through a change; before mu_
  mutable base::Mutex mu_;
  std::shared_ptr<const State> state_ GUARDED_BY(mu_) = std::make_shared<const State>();
};

// What --check_config does: the file's workflows are right, and each stage can be done as far as
// `check_stage` knows. InvalidArgument names the field.
absl::Status CheckWorkflows(
    const config::Config& config,
    const std::function<absl::Status(const v1::WorkflowStage&)>& check_stage);

}  // namespace daemoneye::gateway
