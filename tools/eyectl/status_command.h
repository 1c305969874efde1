// eyectl status: health of each source, the account of every event, the configuration.
#pragma once

#include "daemoneye/v1/monitor_service.pb.h"
#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

class StatusCommand final : public Command {
 public:
  std::string_view name() const override { return "status"; }
  std::string_view summary() const override { return "show sources, accounting and configuration"; }
  void AddFlags(FlagSet& flags) override;
  absl::StatusOr<int> Run(Session& session) override;

 private:
  bool json_ = false;
  bool config_ = false;
};

// The answer for a person; the configuration only where asked for.
std::string StatusText(const v1::GetStatusResponse& status, bool config, const Style& style);

}  // namespace daemoneye::eyectl
