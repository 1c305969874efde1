#include "libs/monitor/request_validation.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "libs/base/status_macros.h"

namespace daemoneye::monitor {
namespace {

constexpr int kMaxCaps = 64;
constexpr int kMaxMonitors = 1'000;

absl::Status Bad(std::string_view field, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", field, why));
}

absl::Status CheckName(std::string_view field, const std::string& value) {
  if (value.size() <= kMaxNameBytes) return absl::OkStatus();
  return Bad(field, fmt::format("{} bytes, at most {} are taken", value.size(), kMaxNameBytes));
}

bool IsDomain(int cap) {
  return cap >= v1::SOURCE_CAP_PROCESS && cap <= v1::SOURCE_CAP_PERFORMANCE;
}

absl::Status CheckHeartbeat(std::string_view prefix, const google::protobuf::Duration& interval) {
  const double seconds =
      static_cast<double>(interval.seconds()) + static_cast<double>(interval.nanos()) * 1e-9;
  if (seconds >= kMinHeartbeatSeconds && seconds <= kMaxHeartbeatSeconds) return absl::OkStatus();
  return Bad(
      fmt::format("{}heartbeat_interval", prefix),
      fmt::format("{} s, want {}..{} s", seconds, kMinHeartbeatSeconds, kMaxHeartbeatSeconds));
}

absl::Status CheckStream(const v1::StreamEventsRequest& request, const std::string& prefix) {
  RETURN_IF_ERROR(CheckName(prefix + "client_id", request.client_id()));
  RETURN_IF_ERROR(CheckName(prefix + "resume.stream_id", request.resume().stream_id()));
  if (!v1::OverflowPolicy_IsValid(request.overflow())) {
    return Bad(prefix + "overflow",
               fmt::format("{} is no OverflowPolicy", static_cast<int>(request.overflow())));
  }
  if (!request.has_heartbeat_interval()) return absl::OkStatus();
  return CheckHeartbeat(prefix, request.heartbeat_interval());
}

}  // namespace

absl::Status Validate(const v1::NegotiateCapabilitiesRequest& request) {
  RETURN_IF_ERROR(CheckName("client_id", request.client_id()));
  RETURN_IF_ERROR(CheckName("version", request.version()));
  if (request.requested_domains_size() > kMaxCaps || request.required_caps_size() > kMaxCaps) {
    return Bad("required_caps", fmt::format("at most {} entries are taken", kMaxCaps));
  }
  for (int i = 0; i < request.requested_domains_size(); ++i) {
    if (IsDomain(request.requested_domains(i))) continue;
    return Bad(fmt::format("requested_domains[{}]", i),
               "want PROCESS, NETWORK, FILESYSTEM or PERFORMANCE");
  }
  for (int i = 0; i < request.required_caps_size(); ++i) {
    const int cap = request.required_caps(i);
    if (v1::SourceCap_IsValid(cap) && cap != v1::SOURCE_CAP_UNSPECIFIED) continue;
    return Bad(fmt::format("required_caps[{}]", i), fmt::format("{} is no SourceCap", cap));
  }
  return absl::OkStatus();
}

absl::Status Validate(const v1::StreamEventsRequest& request) { return CheckStream(request, ""); }

absl::Status Validate(const v1::StreamEventBatchesRequest& request) {
  return CheckStream(request.stream(), "stream.");
}

absl::Status Validate(const v1::ExecuteTaskRequest& request) {
  RETURN_IF_ERROR(CheckName("task_id", request.task_id()));
  if (!v1::TaskType_IsValid(request.type()) || request.type() == v1::TASK_TYPE_UNSPECIFIED) {
    return Bad("type", fmt::format("{} is no TaskType", static_cast<int>(request.type())));
  }
  if (request.monitors_size() > kMaxMonitors) {
    return Bad("monitors", fmt::format("{} names, at most {} are taken", request.monitors_size(),
                                       kMaxMonitors));
  }
  for (int i = 0; i < request.monitors_size(); ++i) {
    RETURN_IF_ERROR(CheckName(fmt::format("monitors[{}]", i), request.monitors(i)));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::monitor
