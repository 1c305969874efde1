// MonitorComponent: the Component of a monitor: a collector over its sources.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/collector/collector.h"
#include "libs/monitor/announcements.h"
#include "libs/monitor/component_main.h"
#include "libs/monitor/monitor_main.h"
#include "libs/monitor/store_history.h"
#include "libs/monitor/store_options.h"

namespace daemoneye::monitor {

class MonitorComponent final : public Component, private MonitorBackend {
 public:
  // InvalidArgument: the collector's settings. Any error of a registration.
  static absl::StatusOr<std::unique_ptr<Component>> Create(const ComponentContext& context,
                                                           MonitorParts parts);

  MonitorBackend& backend() override { return *this; }
  absl::Status Start() override;
  absl::Status Stop() override;
  bool IsReady() const override;
  absl::Status Reload(const config::Config& config,
                      const std::vector<std::string>& changed) override;

 private:
  MonitorComponent(const ComponentContext& context, MonitorParts parts);

  event_bus::EventBus& bus() override { return context_.bus; }
  const event_bus::LogHistory* history() const override { return history_.get(); }
  const v1::Publisher& publisher() const override { return context_.publisher; }
  Announcements& announcements() override { return announcements_; }
  void Describe(v1::NegotiateCapabilitiesResponse& response) const override;
  absl::Status RefreshState(base::Monotonic deadline) override;
  void CompleteSnapshot(v1::SnapshotComplete& complete) const override;
  void FillStatus(v1::GetStatusResponse& response) const override;
  absl::Status RunTask(const v1::ExecuteTaskRequest& request, std::stop_token stop,
                       const std::function<bool(v1::CollectionEvent)>& emit,
                       v1::TaskSummary& summary) override;

  absl::Status OpenDatabase(const std::string& path);
  collector::CollectorCallbacks MakeCallbacks();
  void Settle();

  const ComponentContext context_;
  base::Mutex mu_;
  base::CondVar settled_;
  // True once Start or Stop has returned: until then there is no first observation to show.
  bool has_settled_ GUARDED_BY(mu_) = false;
  Announcements announcements_;
  // Borrowed by sources and tasks, so it goes last.
  std::shared_ptr<void> shared_;
  std::vector<std::unique_ptr<collector::TaskHandler>> tasks_;
  const std::vector<UnusedSource> unused_sources_;
  const std::vector<std::string> limits_;
  std::function<absl::Status(const config::Config&)> reload_;
  std::function<void(v1::SnapshotComplete&)> complete_snapshot_;
  std::unique_ptr<collector::Collector> collector_;
  // Null without a database.
  std::unique_ptr<storage::SqliteStore> store_;
  std::unique_ptr<StoreWriter> writer_;
  std::unique_ptr<StoreHistory> history_;
  std::vector<metrics::CallbackHandle> metrics_;
};

}  // namespace daemoneye::monitor
