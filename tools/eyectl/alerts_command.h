// eyectl alerts: alerts of a gateway: those that are kept, those to come, and word that somebody
// has looked.
//
//   eyectl alerts                    the newest, as a table
//   eyectl alerts --follow           as they are raised, a line each
//   eyectl alerts ack ID             acknowledges it
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemoneye/v1/alert_service.pb.h"
#include "libs/base/clock.h"
#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

class AlertsCommand final : public Command {
 public:
  explicit AlertsCommand(const base::Clock& clock) : clock_(clock) {}

  std::string_view name() const override { return "alerts"; }
  std::string_view summary() const override { return "list, follow and acknowledge alerts"; }
  std::string_view arguments() const override { return "[ack ID]"; }
  void AddFlags(FlagSet& flags) override;
  absl::Status SetArguments(std::span<const std::string> arguments) override;
  absl::StatusOr<int> Run(Session& session) override;

  const v1::AlertFilter& filter() const { return filter_; }

 private:
  absl::StatusOr<int> List(Session& session);
  absl::StatusOr<int> Follow(Session& session);
  absl::StatusOr<int> Acknowledge(Session& session);
  absl::Status Print(Session& session, const v1::StreamAlertsResponse& message);

  const base::Clock& clock_;
  v1::AlertFilter filter_;
  std::string acknowledge_;  // an id
  std::string comment_, by_;
  std::optional<uint64_t> after_;
  uint64_t limit_ = 20;
  absl::Duration since_, for_;
  bool follow_ = false;
  bool json_ = false;
};

}  // namespace daemoneye::eyectl
