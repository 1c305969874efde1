#include "services/collector_gateway/gateway_service.h"

#include <algorithm>
#include <string>

#include "google/protobuf/util/time_util.h"

namespace daemoneye::gateway {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

google::protobuf::Timestamp ToProto(absl::Time time) {
  return TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(time));
}

void FillMonitor(const MonitorLink::Status& link, v1::MonitorLink& out) {
  out.set_name(link.name());
  out.set_address(link.address);
  out.set_state(link.state);
  *out.mutable_caps() = link.monitor.granted_caps();
  *out.mutable_position() = link.position;
  out.set_gaps(link.counts.gaps);
  out.set_lost_events(link.counts.lost);
  out.set_received(link.counts.accepted);
  for (int i = 0; i < kRejectionCount; ++i) {
    if (link.counts.rejected[i] == 0) continue;
    v1::RejectedCount& rejected = *out.add_rejected();
    rejected.set_reason(std::string(RejectionName(static_cast<Rejection>(i))));
    rejected.set_count(link.counts.rejected[i]);
  }
  if (!link.last_error.empty()) {
    out.set_last_error(link.last_error);
    *out.mutable_last_error_time() = ToProto(link.last_error_time);
  }
  *out.mutable_state_since() = ToProto(link.state_since);
  out.set_reconnects(link.reconnects);
  out.set_version(link.monitor.version());
}

}  // namespace

grpc::Status FillMonitors(const std::vector<MonitorLink::Status>& links,
                          const v1::ListMonitorsRequest& request,
                          v1::ListMonitorsResponse& response) {
  if (request.page_size() < 0) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "page_size: must be 0 or more"};
  }
  const int page_size =
      request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  // The token is the address of the last link of the page before.
  auto link = std::find_if(links.begin(), links.end(), [&](const MonitorLink::Status& l) {
    return l.address > request.page_token();
  });
  for (; link != links.end() && response.monitors_size() < page_size; ++link) {
    FillMonitor(*link, *response.add_monitors());
  }
  if (link != links.end()) {
    response.set_next_page_token(response.monitors(response.monitors_size() - 1).address());
  }
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* GatewayService::ListMonitors(grpc::CallbackServerContext* context,
                                                       const v1::ListMonitorsRequest* request,
                                                       v1::ListMonitorsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(FillMonitors(links_.statuses(), *request, *response));
  return reactor;
}

}  // namespace daemoneye::gateway
