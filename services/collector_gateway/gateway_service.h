// GatewayService: daemoneye.v1.GatewayService over the gateway's links.
#pragma once

#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "services/collector_gateway/link_set.h"

namespace daemoneye::gateway {

class GatewayService final : public v1::GatewayService::CallbackService {
 public:
  // `links` outlives the service.
  explicit GatewayService(const LinkSet& links) : links_(links) {}

  grpc::ServerUnaryReactor* ListMonitors(grpc::CallbackServerContext* context,
                                         const v1::ListMonitorsRequest* request,
                                         v1::ListMonitorsResponse* response) override;

 private:
  const LinkSet& links_;
};

// One page of the links, by address. InvalidArgument: a page_size below 0.
grpc::Status FillMonitors(const std::vector<MonitorLink::Status>& links,
                          const v1::ListMonitorsRequest& request,
                          v1::ListMonitorsResponse& response);

}  // namespace daemoneye::gateway
