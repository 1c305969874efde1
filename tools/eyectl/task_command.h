// eyectl task: asks a monitor, or through a gateway several, to do one piece of work now.
#pragma once

#include "daemoneye/v1/monitor_service.pb.h"
#include "libs/base/clock.h"
#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

class TaskCommand final : public Command {
 public:
  explicit TaskCommand(const base::Clock& clock) : clock_(clock) {}

  std::string_view name() const override { return "task"; }
  std::string_view summary() const override { return "have a monitor do one piece of work now"; }
  std::string_view arguments() const override { return "TYPE"; }
  void AddFlags(FlagSet& flags) override;
  absl::Status SetArguments(std::span<const std::string> arguments) override;
  absl::StatusOr<int> Run(Session& session) override;

 private:
  const base::Clock& clock_;
  v1::ExecuteTaskRequest request_;
  bool json_ = false;
  absl::Duration timeout_ = absl::Minutes(1);
};

// How the task ended, for a person.
std::string TaskSummaryText(const v1::TaskSummary& summary, const Style& style);

}  // namespace daemoneye::eyectl
