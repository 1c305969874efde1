// FakeBackend: a MonitorBackend over a real LocalEventBus, whose answers a test sets.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/event_bus/local_event_bus.h"
#include "libs/monitor/monitor_backend.h"

namespace daemoneye::monitor {

// Threads: as MonitorBackend; what a test sets, it sets before the calls that use it.
class FakeBackend final : public MonitorBackend {
 public:
  explicit FakeBackend(base::Clock& clock, event_bus::LocalEventBusOptions options = {});

  event_bus::LocalEventBus& bus() override { return bus_; }
  const v1::Publisher& publisher() const override { return publisher_; }
  Announcements& announcements() override { return announcements_; }
  void Describe(v1::NegotiateCapabilitiesResponse& response) const override;
  absl::Status RefreshState(base::Monotonic deadline) override;
  void CompleteSnapshot(v1::SnapshotComplete& complete) const override;
  void FillStatus(v1::GetStatusResponse& response) const override;
  absl::Status RunTask(const v1::ExecuteTaskRequest& request, std::stop_token stop,
                       const std::function<bool(v1::CollectionEvent)>& emit,
                       v1::TaskSummary& summary) override;

  // Publishes process events of that action with pids [first, first + count). `padding` bytes of
  // working directory make each larger.
  void PublishProcesses(v1::ProcessAction action, uint32_t first, size_t count, size_t padding = 0);

  std::function<absl::Status(base::Monotonic)> on_refresh;
  std::function<absl::Status(std::stop_token, const std::function<bool(v1::CollectionEvent)>&)>
      on_task;

 private:
  base::Clock& clock_;
  event_bus::LocalEventBus bus_;
  v1::Publisher publisher_;
  Announcements announcements_;
};

}  // namespace daemoneye::monitor
