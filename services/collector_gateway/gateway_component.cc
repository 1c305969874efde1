#include "services/collector_gateway/gateway_component.h"

#include <string>
#include <utility>
#include <vector>

#include "grpcpp/security/credentials.h"
#include "libs/base/status_macros.h"
#include "libs/logging/logging.h"
#include "libs/rpc/pem_file.h"
#include "services/collector_gateway/gateway_alerts.h"
#include "services/collector_gateway/gateway_backend.h"
#include "services/collector_gateway/gateway_metrics.h"
#include "services/collector_gateway/gateway_options.h"
#include "services/collector_gateway/gateway_service.h"

namespace daemoneye::gateway {
namespace {

absl::StatusOr<std::string> ReadPem(const config::Config& config, const char* key) {
  return rpc::ReadPemFile(key, config.GetString(key));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TcpCredentials(
    const config::Config& config) {
  if (config.GetString("monitor_tls_ca").empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem(config, "monitor_tls_ca"));
  ASSIGN_OR_RETURN(options.pem_cert_chain, ReadPem(config, "monitor_tls_cert"));
  ASSIGN_OR_RETURN(options.pem_private_key, ReadPem(config, "monitor_tls_key"));
  return grpc::SslCredentials(options);
}

class GatewayComponent final : public monitor::Component {
 public:
  GatewayComponent(std::vector<MonitorAddress> addresses, const monitor::ComponentContext& context,
                   GatewayBackend::Options options, std::unique_ptr<GatewayAlerts> alerts)
      : clock_(context.clock),
        alerts_(std::move(alerts)),
        backend_(std::move(addresses), context.bus, context.clock, std::move(options)),
        service_(backend_.links()),
        metrics_(AddGatewayMetrics(context.metrics, backend_.links())) {}

  monitor::MonitorBackend& backend() override { return backend_; }
  std::vector<rpc::ServedService> services() override {
    return {{&service_, v1::GatewayService::service_full_name()},
            {&alerts_->service(), v1::AlertService::service_full_name()}};
  }
  absl::Status Start() override {
    RETURN_IF_ERROR(alerts_->Start());
    backend_.Start();
    return absl::OkStatus();
  }
  absl::Status Stop() override {
    backend_.Stop();
    alerts_->Stop();
    return absl::OkStatus();
  }
  bool IsReady() const override { return backend_.IsReady(); }
  absl::Status Reload(const config::Config& config,
                      const std::vector<std::string>& /*changed*/) override {
    // All that can be refused comes before anything is taken over.
    ASSIGN_OR_RETURN(GatewayAlerts::Prepared sinks, GatewayAlerts::Prepare(config, clock_));
    return alerts_->Commit(std::move(sinks));
  }

 private:
  base::Clock& clock_;
  std::unique_ptr<GatewayAlerts> alerts_;
  GatewayBackend backend_;
  GatewayService service_;
  std::vector<metrics::CallbackHandle> metrics_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<monitor::Component>> MakeGateway(
    const monitor::ComponentContext& context) {
  ASSIGN_OR_RETURN(std::vector<MonitorAddress> addresses, MonitorAddresses(context.config));
  if (addresses.empty()) logging::Warning("no monitors given: set --monitors");
  GatewayBackend::Options options;
  options.publisher = context.publisher;
  ASSIGN_OR_RETURN(options.links.tcp_credentials, TcpCredentials(context.config));
  ASSIGN_OR_RETURN(
      std::unique_ptr<GatewayAlerts> alerts,
      GatewayAlerts::Create(context.config, /*store=*/nullptr, context.metrics, context.clock));
  options.fill_server_status = [fill = context.fill_server_status,
                                alerts = alerts.get()](v1::GetStatusResponse& response) {
    fill(response);
    for (std::string& problem : alerts->Problems()) response.add_problems(std::move(problem));
  };
  options.on_link_change = [on_readiness =
                                context.on_readiness_changed](const MonitorLink::Status& link) {
    logging::Log(link.state == v1::MONITOR_STATE_STREAMING ? logging::Level::kInfo
                                                           : logging::Level::kWarning,
                 "monitor link",
                 {{"monitor", link.name()},
                  {"state", v1::MonitorState_Name(link.state).substr(14)},
                  {"error", link.state == v1::MONITOR_STATE_STREAMING ? "" : link.last_error}});
    on_readiness();
  };
  return std::make_unique<GatewayComponent>(std::move(addresses), context, std::move(options),
                                            std::move(alerts));
}

}  // namespace daemoneye::gateway
