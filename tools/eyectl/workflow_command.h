// eyectl workflow: a gateway's workflows: what they are, running one, and what came of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemoneye/v1/workflow_service.grpc.pb.h"
#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

class WorkflowCommand final : public Command {
 public:
  std::string_view name() const override { return "workflow"; }
  std::string_view summary() const override { return "a gateway's workflows: see, run, watch"; }
  std::string_view arguments() const override {
    return "list | show ID | run ID | run --file=FILE | watch EXECUTION | cancel EXECUTION | "
           "executions | create FILE | delete ID";
  }
  void AddFlags(FlagSet& flags) override;
  absl::Status SetArguments(std::span<const std::string> arguments) override;
  absl::StatusOr<int> Run(Session& session) override;

 private:
  using Stub = v1::WorkflowService::Stub;

  void AddTargetFlags(FlagSet& flags);
  absl::StatusOr<int> List(Session& session, Stub& stub);
  // Of a workflow, or of an execution.
  absl::StatusOr<int> Show(Session& session, Stub& stub);
  absl::StatusOr<int> ShowExecution(Session& session, Stub& stub);
  absl::StatusOr<int> Execute(Session& session, Stub& stub);
  absl::StatusOr<int> Cancel(Session& session, Stub& stub);
  absl::StatusOr<int> Executions(Session& session, Stub& stub);
  absl::StatusOr<int> Create(Session& session, Stub& stub);
  absl::StatusOr<int> Delete(Session& session, Stub& stub);
  absl::StatusOr<v1::ListWorkflowsResponse> ListAll(Session& session, Stub& stub);
  // The workflows of `path`, or the one that --id names.
  absl::StatusOr<std::vector<v1::Workflow>> FromFile(const std::string& path) const;
  absl::Status CheckRun() const;

  std::string action_;
  std::string operand_;
  v1::ExecuteWorkflowRequest request_;
  v1::ListExecutionsRequest list_;
  std::string file_, id_, reason_;
  uint64_t limit_ = 20;
  bool watch_ = false;
  bool json_ = false;
};

}  // namespace daemoneye::eyectl
