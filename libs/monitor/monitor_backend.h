// MonitorBackend: what MonitorService serves: a monitor's own sources, or a gateway's merged links.
//
// Threads:    all methods from any thread, several at once. None but RefreshState and RunTask may
//             block; those two are called on the service's workers, never on a gRPC thread.
// Ownership:  outlives the service.
#pragma once

#include <functional>
#include <stop_token>

#include "absl/status/status.h"
#include "daemoneye/v1/control.pb.h"
#include "daemoneye/v1/event.pb.h"
#include "daemoneye/v1/monitor_service.pb.h"
#include "libs/base/clock.h"
#include "libs/event_bus/event_bus.h"
#include "libs/event_bus/log_history.h"
#include "libs/monitor/announcements.h"

namespace daemoneye::monitor {

class MonitorBackend {
 public:
  virtual ~MonitorBackend() = default;

  // The log that streams read.
  virtual event_bus::EventBus& bus() = 0;

  // What a store kept of that log beyond its ring; null: nothing is kept.
  virtual const event_bus::LogHistory* history() const { return nullptr; }

  // Who publishes that log: name, host, version, labels. stream_id is the bus's.
  virtual const v1::Publisher& publisher() const = 0;

  // What open streams are told beside the events. A gateway adds each publisher here before it
  // publishes its first event; whoever runs sources says here that what runs changed.
  virtual Announcements& announcements() = 0;

  // Fills what only the backend knows: granted_caps (all there are: the service takes away what the
  // caller did not ask for and names what is missing), sources, task_types, origins, via.
  virtual void Describe(v1::NegotiateCapabilitiesResponse& response) const = 0;

  // Brings the bus's state up to now, so that a snapshot is of this moment; a gateway has nothing
  // to do. An error costs the caller nothing but freshness: it still gets the state there is.
  virtual absl::Status RefreshState(base::Monotonic deadline) = 0;

  // Fills read, total and missing_monitors; count and as_of_sequence are the service's.
  virtual void CompleteSnapshot(v1::SnapshotComplete& complete) const = 0;

  // Fills started_at, ready, problems, sources, config, config_generation, and of accounting all
  // but the subscribers.
  virtual void FillStatus(v1::GetStatusResponse& response) const = 0;

  // Runs a task whose request was validated; the records go to `emit`, which blocks while the
  // caller reads slowly (false: it has gone, stop). The service counts records and sets
  // summary.records; the backend sets completeness and, at a gateway, monitors. An error ends the
  // call instead of a summary. FailedPrecondition: a capability that nobody has.
  virtual absl::Status RunTask(const v1::ExecuteTaskRequest& request, std::stop_token stop,
                               const std::function<bool(v1::CollectionEvent)>& emit,
                               v1::TaskSummary& summary) = 0;
};

}  // namespace daemoneye::monitor
