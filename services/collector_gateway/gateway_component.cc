#include "services/collector_gateway/gateway_component.h"

#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "grpcpp/security/credentials.h"
#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/logging/logging.h"
#include "libs/rpc/pem_file.h"
#include "services/collector_gateway/gateway_alerts.h"
#include "services/collector_gateway/gateway_analysis.h"
#include "services/collector_gateway/gateway_backend.h"
#include "services/collector_gateway/gateway_metrics.h"
#include "services/collector_gateway/gateway_options.h"
#include "services/collector_gateway/gateway_service.h"
#include "services/collector_gateway/gateway_store.h"
#include "services/collector_gateway/gateway_triggers.h"
#include "services/collector_gateway/link_completeness.h"
#include "services/collector_gateway/query_engine.h"

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
                   GatewayBackend::Options options, std::unique_ptr<GatewayStore> store,
                   std::unique_ptr<GatewayAlerts> alerts)
      : clock_(context.clock),
        config_(context.config),
        store_(std::move(store)),
        alerts_(std::move(alerts)),
        backend_(std::move(addresses), context.bus, context.clock,
                 WithTriggers(std::move(options))),
        queries_(
            {.store = store_->store(),
             .tables = {.alerts = &alerts_->alerts(),
                        .audit = store_->store() == nullptr ? nullptr : &store_->store()->audit(),
                        .links = &backend_.links(),
                        .bus = &context.bus,
                        .read_live =
                            [this](const auto& read) { triggers_->engine().ReadLive(read); }},
             .problems = [this] { return backend_.Problems(); }},
            context.clock),
        service_(backend_.links(), queries_, context.clock,
                 [this] { return analysis_->Analyzers(); }),
        metrics_(AddGatewayMetrics(context.metrics, backend_.links())) {}

  ~GatewayComponent() override { store_->Stop(); }  // its thread may tell the triggers
  GatewayComponent(const GatewayComponent&) = delete;
  GatewayComponent& operator=(const GatewayComponent&) = delete;

  // The second half of making it: workflows and triggers ask the links and each other, and the
  // links tell the triggers.
  absl::Status MakeTriggers(const monitor::ComponentContext& context, storage::Store* store,
                            std::shared_ptr<grpc::ChannelCredentials> tcp_credentials) {
    GatewayAnalysisPorts analysis{
        .metrics = context.metrics,
        .clock = context.clock,
        .store = store,
        .links = backend_.links(),
        .queries = queries_,
        .read_live = [this](const auto& read) { triggers_->engine().ReadLive(read); },
        .raise = [this](alerting::AlertDraft draft) { alerts_->engine().Raise(std::move(draft)); },
        .completeness = [this] { return CompletenessOf(backend_.links()); },
        .find_trigger =
            [this](const std::string& id) {
              const absl::StatusOr<v1::Trigger> found = triggers_->registry().Get(id);
              return found.ok() ? std::make_shared<const v1::Trigger>(*found) : nullptr;
            },
        .trigger_using =
            [this](std::string_view id) { return triggers_->registry().NamingWorkflow(id); },
        .client_id = fmt::format("{}@{}", context.publisher.monitor(), context.publisher.host()),
        .version = context.publisher.version(),
        .tcp_credentials = std::move(tcp_credentials)};
    ASSIGN_OR_RETURN(analysis_, GatewayAnalysis::Create(context.config, std::move(analysis)));
    GatewayTriggerPorts ports{
        .bus = context.bus,
        .metrics = context.metrics,
        .clock = context.clock,
        .store = store,
        .raise = [this](alerting::AlertDraft draft) { alerts_->engine().Raise(std::move(draft)); },
        .completeness = [this] { return CompletenessOf(backend_.links()); },
        .start = [this](const trigger::TriggerMatch& match) { return analysis_->StartFor(match); },
        .check_target = [this](const v1::Trigger& t) { return analysis_->CheckTarget(t); },
        .on_problem = context.on_readiness_changed};
    ASSIGN_OR_RETURN(triggers_, GatewayTriggers::Create(context.config, std::move(ports)));
    store_->SetOnOpen([this] {
      absl::Status loaded = analysis_->LoadStored();
      loaded.Update(triggers_->LoadStored());
      if (!loaded.ok()) logging::Error("what was stored does not run", {{"error", loaded}});
    });
    return absl::OkStatus();
  }

  monitor::MonitorBackend& backend() override { return backend_; }
  std::vector<rpc::ServedService> services() override {
    return {{&service_, v1::GatewayService::service_full_name()},
            {&alerts_->service(), v1::AlertService::service_full_name()},
            {&triggers_->service(), v1::TriggerService::service_full_name()},
            {&analysis_->service(), v1::WorkflowService::service_full_name()}};
  }
  absl::Status Start() override {
    RETURN_IF_ERROR(store_->Start());
    RETURN_IF_ERROR(alerts_->Start());
    analysis_->Start();
    RETURN_IF_ERROR(triggers_->Start());
    backend_.Start();
    return absl::OkStatus();
  }
  absl::Status Stop() override {
    base::Monotonic begin = clock_.MonotonicNow();
    const auto tell = [&](const char* what) {
      const base::Monotonic now = clock_.MonotonicNow();
      logging::Info("stopped", {{"what", what}, {"took", base::Elapsed(begin, now)}});
      begin = now;
    };
    service_.Drain();
    backend_.Stop();
    tell("links");
    if (triggers_ != nullptr) triggers_->Stop();
    tell("triggers");
    if (analysis_ != nullptr) analysis_->Stop();
    tell("workflows");
    alerts_->Stop();
    tell("alerts");
    store_->Stop();
    tell("store");
    return absl::OkStatus();
  }
  bool IsReady() const override { return backend_.IsReady(); }
  absl::Status Reload(const config::Config& config,
                      const std::vector<std::string>& /*changed*/) override {
    // All that can be refused comes before anything is taken over.
    ASSIGN_OR_RETURN(GatewayAlerts::Prepared sinks, GatewayAlerts::Prepare(config, clock_));
    RETURN_IF_ERROR(triggers_->Reload(config));
    const absl::Status committed = alerts_->Commit(std::move(sinks));
    if (!committed.ok()) {
      static_cast<void>(triggers_->Reload(config_));  // was in force, so it is accepted
      return committed;
    }
    config_ = config;
    return analysis_->Reload(config);
  }

 private:
  // What links and health tell beside what `options` do. Nothing is told before Start.
  GatewayBackend::Options WithTriggers(GatewayBackend::Options options) {
    options.on_link_change =
        [this, next = std::move(options.on_link_change)](const MonitorLink::Status& link) {
          next(link);
          if (link.state == v1::MONITOR_STATE_STREAMING) triggers_->ShowState();
        };
    options.fill_server_status =
        [this, next = std::move(options.fill_server_status)](v1::GetStatusResponse& response) {
          next(response);
          response.mutable_accounting()->set_notices(triggers_->requests() + store_->losses());
          for (std::string& problem : triggers_->Problems()) {
            response.add_problems(std::move(problem));
          }
          for (std::string& problem : analysis_->Problems()) {
            response.add_problems(std::move(problem));
          }
        };
    return options;
  }

  base::Clock& clock_;
  config::Config config_;  // in force
  const std::unique_ptr<GatewayStore> store_;
  std::unique_ptr<GatewayAlerts> alerts_;
  GatewayBackend backend_;
  QueryEngine queries_;
  GatewayService service_;
  std::vector<metrics::CallbackHandle> metrics_;
  std::unique_ptr<GatewayAnalysis> analysis_;
  std::unique_ptr<GatewayTriggers> triggers_;  // asks all of the above
};

}  // namespace

absl::Status CheckGateway(const config::Config& config) {
  RETURN_IF_ERROR(CheckAnalysis(config));
  return CheckTriggers(config);
}

absl::StatusOr<std::unique_ptr<monitor::Component>> MakeGateway(
    const monitor::ComponentContext& context) {
  ASSIGN_OR_RETURN(std::vector<MonitorAddress> addresses, MonitorAddresses(context.config));
  if (addresses.empty()) logging::Warning("no monitors given: set --monitors");
  GatewayBackend::Options options;
  options.publisher = context.publisher;
  ASSIGN_OR_RETURN(options.links.tcp_credentials, TcpCredentials(context.config));
  std::shared_ptr<grpc::ChannelCredentials> tcp_credentials = options.links.tcp_credentials;
  ASSIGN_OR_RETURN(std::unique_ptr<GatewayStore> store, GatewayStore::Open(context));
  ASSIGN_OR_RETURN(
      std::unique_ptr<GatewayAlerts> alerts,
      GatewayAlerts::Create(context.config, store->store(), context.metrics, context.clock));
  options.fill_server_status = [fill = context.fill_server_status,
                                alerts = alerts.get()](v1::GetStatusResponse& response) {
    fill(response);
    for (std::string& problem : alerts->Problems()) response.add_problems(std::move(problem));
  };
  options.history = store->history();
  options.stored_position = [s = store.get()](const std::string& id) {
    return s->StoredPosition(id);
  };
  options.on_position = [s = store.get()](const std::string& id, uint64_t position) {
    s->NotePosition(id, position);
  };
  options.other_problems = [s = store.get()] {
    const std::string problem = s->problem();
    return problem.empty() ? std::vector<std::string>() : std::vector<std::string>{problem};
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
  storage::SqliteStore* const kept = store->store();
  auto gateway = std::make_unique<GatewayComponent>(
      std::move(addresses), context, std::move(options), std::move(store), std::move(alerts));
  RETURN_IF_ERROR(gateway->MakeTriggers(context, kept, std::move(tcp_credentials)));
  return gateway;
}

}  // namespace daemoneye::gateway
