// TaskRouter: runs a task on every monitor it concerns, all at once, and passes their records on as
// they come.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemoneye/v1/monitor_service.pb.h"
#include "services/collector_gateway/monitor_link.h"

namespace daemoneye::gateway {

// The capability that a task needs; SOURCE_CAP_UNSPECIFIED for a type that this version does not
// know.
v1::SourceCap CapabilityFor(v1::TaskType type);

// Routes to the links that request.monitors names, or to every link whose monitor can do it. A
// monitor that is away or fails makes the answer incomplete, not an error. NotFound: a name that no
// link has. FailedPrecondition: a monitor named that cannot do it, or nobody can.
absl::Status RouteTask(const std::vector<std::shared_ptr<MonitorLink>>& links,
                       const v1::ExecuteTaskRequest& request, std::stop_token stop,
                       absl::Duration timeout, const std::function<bool(v1::CollectionEvent)>& emit,
                       v1::TaskSummary& summary);

}  // namespace daemoneye::gateway
