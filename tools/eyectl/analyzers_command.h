// eyectl analyzers: whom a gateway can ask to look closer, and how it does with each.
#pragma once

#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

class AnalyzersCommand final : public Command {
 public:
  std::string_view name() const override { return "analyzers"; }
  std::string_view summary() const override { return "list the analyzers a gateway can ask"; }
  void AddFlags(FlagSet& flags) override;
  absl::StatusOr<int> Run(Session& session) override;

 private:
  bool json_ = false;
};

}  // namespace daemoneye::eyectl
