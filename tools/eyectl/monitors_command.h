// eyectl monitors: the monitors a gateway dials, and how each link does.
#pragma once

#include "daemoneye/v1/gateway_service.pb.h"
#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

class MonitorsCommand final : public Command {
 public:
  std::string_view name() const override { return "monitors"; }
  std::string_view summary() const override { return "list a gateway's monitors and their links"; }
  void AddFlags(FlagSet& flags) override;
  absl::StatusOr<int> Run(Session& session) override;

 private:
  bool json_ = false;
};

std::string MonitorsText(const google::protobuf::RepeatedPtrField<v1::MonitorLink>& monitors);

}  // namespace daemoneye::eyectl
