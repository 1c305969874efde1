// eyectl events: the live stream, filtered, as text or JSON lines.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "daemoneye/v1/monitor_service.pb.h"
#include "libs/base/clock.h"
#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

// What to do with the snapshot.
enum class SnapshotMode { kList, kCount, kNone };

class EventsCommand final : public Command {
 public:
  explicit EventsCommand(const base::Clock& clock) : clock_(clock) {}

  std::string_view name() const override { return "events"; }
  std::string_view summary() const override { return "show events as they happen"; }
  void AddFlags(FlagSet& flags) override;
  absl::StatusOr<int> Run(Session& session) override;

  const v1::StreamEventsRequest& request() const { return request_; }

 private:
  const base::Clock& clock_;
  v1::StreamEventsRequest request_;
  SnapshotMode snapshot_ = SnapshotMode::kList;
  bool json_ = false;
  absl::Duration for_;
};

}  // namespace daemoneye::eyectl
