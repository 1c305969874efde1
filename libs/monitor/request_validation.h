// Request validation: what MonitorService refuses before it does anything.
//
// Each returns InvalidArgument naming the field and what would be right. Filters are validated
// where they are compiled.
#pragma once

#include "absl/status/status.h"
#include "daemoneye/v1/monitor_service.pb.h"

namespace daemoneye::monitor {

inline constexpr size_t kMaxNameBytes = 128;
inline constexpr int kMinHeartbeatSeconds = 1;
inline constexpr int kMaxHeartbeatSeconds = 300;

absl::Status Validate(const v1::NegotiateCapabilitiesRequest& request);
absl::Status Validate(const v1::StreamEventsRequest& request);
absl::Status Validate(const v1::StreamEventBatchesRequest& request);
absl::Status Validate(const v1::ExecuteTaskRequest& request);

}  // namespace daemoneye::monitor
