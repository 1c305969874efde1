// eyectl alerts: alerts of a gateway: those that are kept, those to come, word that somebody has
// looked, and those that a sink was not given.
//
//   eyectl alerts                    the newest, as a table
//   eyectl alerts --follow           as they are raised, a line each
//   eyectl alerts ack ID             acknowledges it
//   eyectl alerts dead [ID]          what was given up, and why
//   eyectl alerts replay [ID]        tries that again: of one alert, with --sink of one sink
#pragma once

#include <optional>
#include <span>
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
  std::string_view summary() const override {
    return "list, follow and acknowledge alerts, try those again that a sink refused";
  }
  std::string_view arguments() const override { return "[ack ID | dead [ID] | replay [ID]]"; }
  void AddFlags(FlagSet& flags) override;
  absl::Status SetArguments(std::span<const std::string> arguments) override;
  absl::StatusOr<int> Run(Session& session) override;

  const v1::AlertFilter& filter() const { return filter_; }

 private:
  absl::StatusOr<int> List(Session& session);
  absl::StatusOr<int> Follow(Session& session);
  absl::StatusOr<int> Acknowledge(Session& session);
  absl::StatusOr<int> ListDead(Session& session);
  absl::StatusOr<int> Replay(Session& session);
  absl::Status Print(Session& session, const v1::StreamAlertsResponse& message);

  const base::Clock& clock_;
  v1::AlertFilter filter_;
  enum class Verb { kList, kAcknowledge, kDead, kReplay };
  absl::Status SetVerb(std::span<const std::string> arguments);

  Verb verb_ = Verb::kList;
  std::string id_, sink_;
  std::string comment_, by_;
  std::optional<uint64_t> after_;
  uint64_t limit_ = 20;
  absl::Duration since_, for_;
  bool follow_ = false;
  bool json_ = false;
};

}  // namespace daemoneye::eyectl
