#include "services/collector_gateway/task_router.h"

#include <algorithm>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "services/collector_gateway/task_call_client.h"

namespace daemoneye::gateway {
namespace {

bool CanDo(const MonitorLink::Status& link, v1::SourceCap cap) {
  const auto& caps = link.monitor.granted_caps();
  return std::find(caps.begin(), caps.end(), cap) != caps.end();
}

bool IsNamed(const MonitorLink::Status& link, const std::string& name) {
  return name == link.name() || name == link.address;
}

// A monitor that takes part, and its part of the summary.
struct Participant {
  std::shared_ptr<MonitorLink> link;
  v1::MonitorTaskResult result;
  bool has_summary = false;
};

absl::StatusOr<std::vector<Participant>> Choose(
    const std::vector<std::shared_ptr<MonitorLink>>& links, const v1::ExecuteTaskRequest& request) {
  const v1::SourceCap cap = CapabilityFor(request.type());
  std::vector<Participant> chosen;
  std::vector<bool> found(request.monitors_size(), false);
  for (const std::shared_ptr<MonitorLink>& link : links) {
    const MonitorLink::Status status = link->status();
    bool is_named = false;
    for (int i = 0; i < request.monitors_size(); ++i) {
      if (IsNamed(status, request.monitors(i))) is_named = found[i] = true;
    }
    if (request.monitors_size() > 0 && !is_named) continue;
    if (!CanDo(status, cap)) {
      if (!is_named) continue;
      return absl::FailedPreconditionError(
          fmt::format("monitors: {} has no capability {}", status.name(), v1::SourceCap_Name(cap)));
    }
    Participant participant{link, {}, false};
    participant.result.set_monitor(status.name());
    chosen.push_back(std::move(participant));
  }
  for (int i = 0; i < request.monitors_size(); ++i) {
    if (!found[i]) {
      return absl::NotFoundError(
          fmt::format("monitors[{}]: no monitor is named \"{}\"; ListMonitors tells the names", i,
                      request.monitors(i)));
    }
  }
  if (chosen.empty()) {
    return absl::FailedPreconditionError(
        fmt::format("no monitor has capability {}", v1::SourceCap_Name(cap)));
  }
  return chosen;
}

}  // namespace

v1::SourceCap CapabilityFor(v1::TaskType type) {
  switch (type) {
    case v1::TASK_TYPE_ENUMERATE_PROCESSES:
    case v1::TASK_TYPE_CHECK_PROCESS_HASH:
    case v1::TASK_TYPE_MONITOR_PROCESS_TREE:
    case v1::TASK_TYPE_VERIFY_EXECUTABLE:
      return v1::SOURCE_CAP_PROCESS;
    case v1::TASK_TYPE_MONITOR_NETWORK_CONNECTIONS:
      return v1::SOURCE_CAP_NETWORK;
    case v1::TASK_TYPE_TRACK_FILE_OPERATIONS:
      return v1::SOURCE_CAP_FILESYSTEM;
    case v1::TASK_TYPE_COLLECT_PERFORMANCE_METRICS:
      return v1::SOURCE_CAP_PERFORMANCE;
    default:
      return v1::SOURCE_CAP_UNSPECIFIED;
  }
}

absl::Status RouteTask(const std::vector<std::shared_ptr<MonitorLink>>& links,
                       const v1::ExecuteTaskRequest& request, std::stop_token stop,
                       absl::Duration timeout, const std::function<bool(v1::CollectionEvent)>& emit,
                       v1::TaskSummary& summary) {
  ASSIGN_OR_RETURN(std::vector<Participant> chosen, Choose(links, request));
  v1::ExecuteTaskRequest onward = request;
  onward.clear_monitors();
  TaskCalls calls(stop, timeout);
  std::vector<Participant*> called;
  for (Participant& participant : chosen) {
    const std::shared_ptr<grpc::Channel> channel = participant.link->channel();
    if (channel == nullptr) {
      participant.result.set_error("not connected: " + participant.link->status().last_error);
      continue;
    }
    calls.Add(channel, onward);
    called.push_back(&participant);
  }

  std::vector<std::string> reasons;
  bool caller_is_there = true;
  calls.Run(
      [&](size_t index, v1::ExecuteTaskResponse& response) {
        Participant& participant = *called[index];
        if (response.has_summary()) {
          participant.has_summary = true;
          for (const std::string& reason : response.summary().completeness().reasons()) {
            reasons.push_back(participant.result.monitor() + ": " + reason);
          }
        } else if (response.has_record()) {
          // The gateway believes nobody, here either.
          if (!participant.link->VouchesFor(response.record().origin())) {
            participant.result.set_error("sent a record in another's name");
            return true;
          }
          participant.result.set_records(participant.result.records() + 1);
          response.mutable_record()->clear_sequence();
          caller_is_there = emit(std::move(*response.mutable_record()));
        }
        return caller_is_there;
      },
      [&](size_t index, const absl::Status& status) {
        Participant& participant = *called[index];
        if (!status.ok()) {
          participant.result.set_error(status.ToString());
        } else if (!participant.has_summary) {
          participant.result.set_error("ended without a summary");
        }
      });
  if (stop.stop_requested() || !caller_is_there) return absl::CancelledError("the caller has gone");
  for (const Participant& participant : chosen) {
    if (!participant.result.error().empty()) {
      reasons.push_back(participant.result.monitor() + ": " + participant.result.error());
    }
    *summary.add_monitors() = participant.result;
  }
  summary.mutable_completeness()->set_complete(reasons.empty());
  for (std::string& reason : reasons) {
    summary.mutable_completeness()->add_reasons(std::move(reason));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::gateway
