#include "libs/monitor/component_main.h"

#include <fstream>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/base/version.h"
#include "libs/event_bus/local_event_bus.h"
#include "libs/linux/privilege/privileges.h"
#include "libs/monitor/bus_metrics.h"
#include "libs/monitor/monitor_service.h"
#include "libs/monitor/server_shell.h"

namespace daemoneye::monitor {
namespace {

using google::protobuf::util::TimeUtil;

v1::Publisher MakePublisher(const std::string& name, const ServerContext& context) {
  const config::Config& config = context.config;
  v1::Publisher publisher;
  publisher.set_monitor(config.Has("component_name") ? config.GetString("component_name") : name);
  publisher.set_host(context.host);
  std::ifstream boot_id("/proc/sys/kernel/random/boot_id");  // random(4)
  std::string text;
  if (std::getline(boot_id, text)) publisher.set_boot_id(text);
  for (const auto& [key, value] : config.GetMap("labels")) {
    (*publisher.mutable_labels())[key] = value;
  }
  publisher.set_version(base::kVersion);
  return publisher;
}

// As the kernel has them now.
void FillPrivileges(v1::GetStatusResponse& response) {
  const absl::StatusOr<privilege::Privileges> now = privilege::ReadPrivileges();
  if (!now.ok()) return;
  v1::Privileges& out = *response.mutable_privileges();
  out.set_user_id(now->user_id);
  for (std::string& name : now->permitted.Names()) out.add_capabilities(std::move(name));
  for (std::string& name : now->bounding.Names()) {
    out.add_bounding_capabilities(std::move(name));
  }
  out.set_no_new_privileges(now->has_no_new_privileges);
}

// A component with its bus, as a server.
class BusServer final : public ServedComponent {
 public:
  BusServer(const ComponentDefinition& definition, const ServerContext& context)
      : context_(context),
        publisher_(MakePublisher(definition.name, context)),
        bus_(MakeBusOptions(definition, context.config, publisher_), context.clock),
        bus_metrics_(context.metrics, bus_) {
    publisher_.set_stream_id(bus_.stream_id());
  }

  absl::Status Make(const ComponentDefinition& definition);

  std::vector<rpc::ServedService> services() override {
    std::vector<rpc::ServedService> services = component_->services();
    services.push_back({service_.get(), v1::MonitorService::service_full_name()});
    return services;
  }
  StreamLoop& loop() override { return service_->loop(); }
  absl::Status Start() override { return component_->Start(); }
  absl::Status Stop() override { return component_->Stop(); }
  void Drain() override { service_->Drain(); }
  bool IsReady() const override { return component_->IsReady(); }
  absl::Status Reload(const config::Config& config,
                      const std::vector<std::string>& changed) override {
    return component_->Reload(config, changed);
  }

 private:
  static event_bus::LocalEventBusOptions MakeBusOptions(const ComponentDefinition& definition,
                                                        const config::Config& config,
                                                        const v1::Publisher& publisher) {
    event_bus::LocalEventBusOptions options;
    options.monitor = publisher.monitor();
    options.host = publisher.host();
    options.ring_bytes = config.GetBytes("ring_bytes");
    options.ring_max_events = static_cast<size_t>(config.GetInt("ring_events"));
    options.ended_bytes = definition.ended_bytes;
    return options;
  }

  void FillServerStatus(v1::GetStatusResponse& response) const;

  const ServerContext context_;
  v1::Publisher publisher_;
  event_bus::LocalEventBus bus_;
  BusMetrics bus_metrics_;
  std::unique_ptr<Component> component_;
  std::unique_ptr<MonitorService> service_;
};

absl::Status BusServer::Make(const ComponentDefinition& definition) {
  ASSIGN_OR_RETURN(
      component_,
      definition.make(ComponentContext{
          .config = context_.config,
          .metrics = context_.metrics,
          .bus = bus_,
          .clock = context_.clock,
          .publisher = publisher_,
          .fill_server_status = [this](v1::GetStatusResponse& r) { FillServerStatus(r); },
          .on_readiness_changed = context_.on_readiness_changed,
      }));
  metrics::Histogram latency = context_.metrics.AddHistogram(
      "event_latency_seconds", "From the kernel's time of an event to its write to a stream.",
      metrics::LatencyBuckets());
  MonitorServiceOptions options;
  options.observe_latency = [latency](absl::Duration d) mutable {
    latency.Observe(absl::ToDoubleSeconds(d));
  };
  service_ = std::make_unique<MonitorService>(component_->backend(), options, context_.clock);
  return absl::OkStatus();
}

void BusServer::FillServerStatus(v1::GetStatusResponse& response) const {
  const config::Config config = context_.current_config();
  *response.mutable_started_at() =
      TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(context_.started_at));
  FillPrivileges(response);
  response.set_config_generation(config.generation());
  for (const config::SettingView& setting : config.Settings()) {
    v1::ConfigValue& value = *response.add_config();
    value.set_name(setting.key);
    value.set_value(setting.value);
    value.set_origin(std::string(config::LayerName(setting.layer)));
  }
}

}  // namespace

int RunComponent(int argc, char** argv, const ComponentDefinition& definition) {
  ServerDefinition server{.name = definition.name,
                          .options = definition.options,
                          .check = definition.check,
                          .make = {},
                          .capabilities = definition.capabilities};
  server.make =
      [&](const ServerContext& context) -> absl::StatusOr<std::unique_ptr<ServedComponent>> {
    auto made = std::make_unique<BusServer>(definition, context);
    RETURN_IF_ERROR(made->Make(definition));
    return made;
  };
  return RunServer(argc, argv, server);
}

}  // namespace daemoneye::monitor
