// eyectl trigger: a gateway's triggers: what they are, what they do, and whether new ones are
// right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/trigger_service.grpc.pb.h"
#include "libs/base/clock.h"
#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

class TriggerCommand final : public Command {
 public:
  explicit TriggerCommand(const base::Clock& clock) : clock_(clock) {}

  std::string_view name() const override { return "trigger"; }
  std::string_view summary() const override { return "a gateway's triggers: see, try out, change"; }
  std::string_view arguments() const override {
    return "list | get ID | stats [ID...] | validate FILE | test FILE | backtest FILE | "
           "create FILE | delete ID | mute ID";
  }
  void AddFlags(FlagSet& flags) override;
  absl::Status SetArguments(std::span<const std::string> arguments) override;
  absl::StatusOr<int> Run(Session& session) override;

 private:
  using Stub = v1::TriggerService::Stub;

  absl::StatusOr<int> List(Session& session, Stub& stub);
  absl::StatusOr<int> Get(Session& session, Stub& stub);
  absl::StatusOr<int> Statistics(Session& session, Stub& stub);
  absl::StatusOr<int> Validate(Session& session, Stub& stub);
  absl::StatusOr<int> BackTest(Session& session, Stub& stub);
  absl::StatusOr<int> Create(Session& session, Stub& stub);
  absl::StatusOr<int> Delete(Session& session, Stub& stub);
  absl::StatusOr<int> Mute(Session& session, Stub& stub);
  // The triggers of the file, or the one that --id names.
  absl::StatusOr<std::vector<v1::Trigger>> FromFile() const;

  const base::Clock& clock_;
  std::string action_;
  std::vector<std::string> operands_;
  bool json_ = false;
  std::string id_, etag_;
  absl::Duration for_ = absl::Hours(1);
  absl::Duration since_ = absl::Hours(24);
  absl::Duration timeout_ = absl::Seconds(30);
  uint64_t max_matches_ = 20;
};

}  // namespace daemoneye::eyectl
