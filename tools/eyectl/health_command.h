// eyectl health: whether a server serves; exit code 0 when it does, 1 when not.
#pragma once

#include <string>

#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

class HealthCommand final : public Command {
 public:
  std::string_view name() const override { return "health"; }
  std::string_view summary() const override {
    return "say whether a server serves (exit code 0) or not (1)";
  }
  void AddFlags(FlagSet& flags) override;
  absl::StatusOr<int> Run(Session& session) override;

 private:
  absl::StatusOr<int> CheckOnce(Session& session);
  absl::StatusOr<int> AwaitServing(Session& session);

  std::string service_;
  absl::Duration until_serving_;
};

}  // namespace daemoneye::eyectl
