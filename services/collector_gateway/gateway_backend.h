// GatewayBackend: a gateway seen as a monitor: all its links as one log.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "libs/event/event_pool.h"
#include "libs/monitor/monitor_backend.h"
#include "services/collector_gateway/link_set.h"
#include "services/collector_gateway/origin_registry.h"

namespace daemoneye::gateway {

class GatewayBackend final : public monitor::MonitorBackend {
 public:
  struct Options {
    // stream_id is the bus's.
    v1::Publisher publisher;
    // A task that no monitor has finished by then is cut off.
    absl::Duration task_timeout = absl::Minutes(5);
    LinkSet::Options links;
    // Fills what the server's shell knows: started_at, config, config_generation.
    std::function<void(v1::GetStatusResponse&)> fill_server_status;
    // What a store kept of the gateway's log; null: nothing. Outlives the backend.
    const event_bus::LogHistory* history = nullptr;
    // See LinkDependencies. May be empty.
    std::function<std::optional<uint64_t>(const std::string& stream_id)> stored_position = {};
    std::function<void(const std::string& stream_id, uint64_t position)> on_position = {};
    // What is wrong beside the links, one sentence each. May be empty.
    std::function<std::vector<std::string>()> other_problems = {};
    // Told when a link entered another state. Any thread.
    std::function<void(const MonitorLink::Status&)> on_link_change = [](const auto&) {};
  };

  // Dials `addresses` when started. `bus` and `clock` outlive the backend.
  GatewayBackend(std::vector<MonitorAddress> addresses, event_bus::EventBus& bus,
                 base::Clock& clock, Options options);

  void Start() { links_.Start(); }
  // Ends all links; nothing is published after it returns.
  void Stop() { links_.Stop(); }

  // True when events can be seen: some monitor streams, or there is none to dial.
  bool IsReady() const;
  // One sentence for each monitor that does not stream.
  std::vector<std::string> Problems() const;
  const LinkSet& links() const { return links_; }

  event_bus::EventBus& bus() override { return bus_; }
  const event_bus::LogHistory* history() const override { return options_.history; }
  const v1::Publisher& publisher() const override { return options_.publisher; }
  monitor::Announcements& announcements() override { return announcements_; }
  void Describe(v1::NegotiateCapabilitiesResponse& response) const override;
  absl::Status RefreshState(base::Monotonic) override { return absl::OkStatus(); }
  void CompleteSnapshot(v1::SnapshotComplete& complete) const override;
  void FillStatus(v1::GetStatusResponse& response) const override;
  absl::Status RunTask(const v1::ExecuteTaskRequest& request, std::stop_token stop,
                       const std::function<bool(v1::CollectionEvent)>& emit,
                       v1::TaskSummary& summary) override;

 private:
  // What a link that streams adds to what the gateway can do.
  struct Contribution {
    std::vector<int> caps;
    std::vector<std::string> sources;
    bool operator==(const Contribution&) const = default;
  };

  void OnLinkChange(const MonitorLink& link);
  // True when that changed what the gateway can do.
  bool TakeContribution(const MonitorLink::Status& link, int id);
  // Says what all links together can do, where that is news.
  void TellCapabilities(const std::string& reason);

  event_bus::EventBus& bus_;
  const bool has_monitors_;
  const Options options_;
  monitor::Announcements announcements_;
  event::EventPool pool_;
  OriginRegistry registry_;
  base::Mutex mu_;
  std::string last_told_ GUARDED_BY(mu_);
  // What was last told of a link.
  struct Told {
    v1::MonitorState state = v1::MONITOR_STATE_UNSPECIFIED;
    std::string error;
    bool was_reached = false;  // since then
  };
  std::map<int, Told> told_ GUARDED_BY(mu_);
  std::map<int, Contribution> contributions_ GUARDED_BY(mu_);  // by link
  uint64_t told_origin_changes_ GUARDED_BY(mu_) = 0;
  LinkSet links_;  // last: its threads use all of the above
};

}  // namespace daemoneye::gateway
