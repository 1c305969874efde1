#include "libs/monitor/component_main.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "libs/base/listen_address.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/base/version.h"
#include "libs/event_bus/local_event_bus.h"
#include "libs/logging/logging.h"
#include "libs/metrics/metrics_server.h"
#include "libs/monitor/component_actions.h"
#include "libs/monitor/liveness.h"
#include "libs/monitor/monitor_service.h"
#include "libs/monitor/server_metrics.h"
#include "libs/monitor/signal_waiter.h"
#include "libs/rpc/pem_file.h"

extern char** environ;

namespace daemoneye::monitor {
namespace {

using base::MutexLock;
using google::protobuf::util::TimeUtil;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// How often readiness and the file of settings are looked at, unless something says so earlier.
constexpr absl::Duration kTick = absl::Seconds(1);
// What open streams may take to send what is in the log, and calls to end.
constexpr absl::Duration kDrainTime = absl::Milliseconds(400);

absl::StatusOr<std::string> ReadPem(const config::Config& config, const char* key) {
  return rpc::ReadPemFile(key, config.GetString(key));
}

absl::StatusOr<rpc::ServerOptions> MakeServerOptions(const config::Config& config) {
  rpc::ServerOptions options;
  options.listen = config.GetList("listen");
  options.operator_listen = config.GetList("operator_listen");
  options.health_listen = config.GetString("health_listen");
  ASSIGN_OR_RETURN(options.tls.certificate_chain, ReadPem(config, "tls_cert"));
  ASSIGN_OR_RETURN(options.tls.private_key, ReadPem(config, "tls_key"));
  ASSIGN_OR_RETURN(options.tls.client_ca, ReadPem(config, "tls_client_ca"));
  options.tls_operators = config.GetList("tls_operators");
  options.tls_viewers = config.GetList("tls_viewers");
  options.allow_insecure = config.GetBool("insecure");
  options.reflection = config.GetBool("reflection");
  return options;
}

// What can be told of the addresses, certificates and keys before anything is bound.
absl::Status CheckServing(const config::Config& config) {
  ASSIGN_OR_RETURN(const rpc::ServerOptions options, MakeServerOptions(config));
  RETURN_IF_ERROR(rpc::Server::Check(options));
  const std::string& metrics = config.GetString("metrics_address");
  if (metrics.empty()) return absl::OkStatus();
  const absl::Status parsed = base::ParseTcpListenAddress(metrics).status();
  return parsed.ok() ? parsed
                     : absl::InvalidArgumentError(
                           fmt::format("metrics_address: {}", std::string(parsed.message())));
}

v1::Publisher MakePublisher(const std::string& name, const config::Config& config) {
  v1::Publisher publisher;
  publisher.set_monitor(config.Has("component_name") ? config.GetString("component_name") : name);
  publisher.set_host(config.GetString("node_name"));
  if (publisher.host().empty()) {
    char host[256] = {};
    gethostname(host, sizeof(host) - 1);
    publisher.set_host(host);
  }
  std::ifstream boot_id("/proc/sys/kernel/random/boot_id");  // random(4)
  std::string text;
  if (std::getline(boot_id, text)) publisher.set_boot_id(text);
  for (const auto& [key, value] : config.GetMap("labels")) {
    (*publisher.mutable_labels())[key] = value;
  }
  publisher.set_version(base::kVersion);
  return publisher;
}

logging::LogOptions MakeLogOptions(const std::string& name, const config::Config& config) {
  logging::LogOptions options;
  options.component = name;
  options.level =
      logging::ParseLevel(config.GetString("log_level")).value_or(logging::Level::kInfo);
  options.format =
      config.GetString("log_format") == "json" ? logging::Format::kJson : logging::Format::kText;
  options.enable_debug =
      config.Has("enable_debug_logging") && config.GetBool("enable_debug_logging");
  return options;
}

// What says that a file changed: device, inode, size, mtime. Empty where there is none.
std::string FileMark(const std::string& path) {
  struct stat st;
  if (path.empty() || stat(path.c_str(), &st) != 0) return "";
  return fmt::format("{}:{}:{}:{}.{}", st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec,
                     st.st_mtim.tv_nsec);
}

// The configuration in force, for whoever asks from another thread.
class CurrentConfig {
 public:
  explicit CurrentConfig(config::Config config) : config_(std::move(config)) {}

  config::Config Get() const {
    MutexLock lock(mu_);
    return config_;
  }
  void Set(config::Config config) {
    MutexLock lock(mu_);
    config_ = std::move(config);
  }

 private:
  mutable base::Mutex mu_;
  config::Config config_ GUARDED_BY(mu_);
};

// One run of a server, from its configuration to its end.
class Run {
 public:
  Run(const ComponentDefinition& definition, config::Config config, SignalWaiter signals)
      : definition_(definition),
        config_(config),
        current_(config),
        signals_(std::move(signals)),
        started_at_(clock_.Now()),
        publisher_(MakePublisher(definition.name, config)),
        bus_(MakeBusOptions(definition, config, publisher_), clock_),
        server_metrics_(definition.name, registry_, bus_) {
    publisher_.set_stream_id(bus_.stream_id());
  }

  absl::Status Start();
  void Serve();
  // Returns whether everything ended, so that destructors may run.
  bool Stop();

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
  void UpdateReadiness();
  void Reload();
  // One log line a step, with the time it took.
  void LogStep(const char* step, base::Monotonic since) const {
    logging::Info(step, {{"took", base::Elapsed(since, clock_.MonotonicNow())}});
  }

  const ComponentDefinition& definition_;
  config::Config config_;  // the main thread's
  CurrentConfig current_;
  SignalWaiter signals_;
  base::Clock& clock_ = base::Clock::Real();
  const absl::Time started_at_;
  v1::Publisher publisher_;
  metrics::Registry registry_;
  event_bus::LocalEventBus bus_;
  ServerMetrics server_metrics_;
  std::string file_mark_;
  bool was_ready_ = false;

  std::unique_ptr<Component> component_;
  std::unique_ptr<MonitorService> service_;
  std::unique_ptr<metrics::MetricsServer> metrics_server_;
  std::unique_ptr<rpc::Server> server_;
  std::shared_ptr<Liveness> liveness_;
};

absl::Status Run::Start() {
  file_mark_ = FileMark(config_.file());
  server_metrics_.SetConfig(config_, true);
  ASSIGN_OR_RETURN(const rpc::ServerOptions options, MakeServerOptions(config_));
  ASSIGN_OR_RETURN(metrics_server_,
                   metrics::MetricsServer::Start(config_.GetString("metrics_address"), registry_));
  ASSIGN_OR_RETURN(
      component_,
      definition_.make(ComponentContext{
          .config = config_,
          .metrics = registry_,
          .bus = bus_,
          .clock = clock_,
          .publisher = publisher_,
          .fill_server_status = [this](v1::GetStatusResponse& r) { FillServerStatus(r); },
          .on_readiness_changed = [this] { signals_.Wake(); },
      }));
  metrics::Histogram latency = registry_.AddHistogram(
      "event_latency_seconds", "From the kernel's time of an event to its write to a stream.",
      metrics::LatencyBuckets());
  MonitorServiceOptions service_options;
  service_options.observe_latency = [latency](absl::Duration d) mutable {
    latency.Observe(absl::ToDoubleSeconds(d));
  };
  service_ = std::make_unique<MonitorService>(component_->backend(), service_options, clock_);
  std::vector<rpc::ServedService> services = component_->services();
  services.push_back({service_.get(), v1::MonitorService::service_full_name()});
  ASSIGN_OR_RETURN(server_, rpc::Server::Start(options, services, &server_metrics_));
  liveness_ = std::make_shared<Liveness>(
      clock_, [health = &server_->health()](bool is_alive) { health->SetAlive(is_alive); });
  service_->loop().Wake(service_->loop().Add(liveness_));
  for (const base::ListenAddress& address : server_->addresses()) {
    logging::Info("listening", {{"address", address.ToString()}});
  }
  if (metrics_server_ != nullptr) {
    logging::Info("metrics",
                  {{"url", fmt::format("http://{}/metrics", metrics_server_->address())}});
  }
  const base::Monotonic begin = clock_.MonotonicNow();
  RETURN_IF_ERROR(component_->Start());
  LogStep("started", begin);
  UpdateReadiness();
  return absl::OkStatus();
}

void Run::Serve() {
  while (true) {
    liveness_->MainTurned();
    switch (signals_.Wait(kTick)) {
      case SignalWaiter::Reason::kTerminate:
        return;
      case SignalWaiter::Reason::kReload:
        Reload();
        break;
      case SignalWaiter::Reason::kWoken:
      case SignalWaiter::Reason::kTimeout:
        if (std::string mark = FileMark(config_.file()); mark != file_mark_ && !mark.empty()) {
          Reload();
        }
        break;
    }
    UpdateReadiness();
  }
}

bool Run::Stop() {
  signals_.RestoreDefault();
  base::Monotonic begin = clock_.MonotonicNow();
  if (server_ != nullptr) server_->health().SetReady(false);
  bool is_clean = true;
  if (component_ != nullptr) {
    const absl::Status stopped = component_->Stop();
    if (!stopped.ok()) {
      logging::Error("component did not stop", {{"error", stopped}});
      is_clean = stopped.code() != absl::StatusCode::kDeadlineExceeded;
    }
    LogStep("component stopped", begin);
  }
  begin = clock_.MonotonicNow();
  if (service_ != nullptr) service_->Drain();
  if (server_ != nullptr) server_->Shutdown(kDrainTime);
  service_.reset();  // its loop tells the server's health
  LogStep("server stopped", begin);
  if (metrics_server_ != nullptr) metrics_server_->Stop();
  return is_clean;
}

void Run::FillServerStatus(v1::GetStatusResponse& response) const {
  const config::Config config = current_.Get();
  *response.mutable_started_at() = TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(started_at_));
  response.set_config_generation(config.generation());
  for (const config::SettingView& setting : config.Settings()) {
    v1::ConfigValue& value = *response.add_config();
    value.set_name(setting.key);
    value.set_value(setting.value);
    value.set_origin(std::string(config::LayerName(setting.layer)));
  }
}

void Run::UpdateReadiness() {
  const bool is_ready = component_->IsReady();
  server_->health().SetReady(is_ready);
  if (is_ready != was_ready_) {
    logging::Info(is_ready ? "ready" : "not ready");
    was_ready_ = is_ready;
  }
}

void Run::Reload() {
  file_mark_ = FileMark(config_.file());
  absl::StatusOr<config::Config::Reloaded> reloaded = config_.Reload();
  absl::Status status = reloaded.status();
  if (status.ok() && definition_.check) status = definition_.check(reloaded->config);
  if (status.ok()) status = component_->Reload(reloaded->config, reloaded->changed);
  if (!status.ok()) {
    server_metrics_.SetConfig(config_, false);
    logging::Error("configuration not reloaded, the old one stays in force", {{"error", status}});
    return;
  }
  config_ = std::move(reloaded->config);
  current_.Set(config_);
  const logging::LogOptions log = MakeLogOptions(definition_.name, config_);
  logging::SetLevel(log.level, log.enable_debug);
  server_metrics_.SetConfig(config_, true);
  logging::Info("configuration reloaded",
                {{"generation", config_.generation()},
                 {"changed", fmt::format("{}", fmt::join(reloaded->changed, ","))}});
}

int Complain(const std::string& name, const absl::Status& status, int code) {
  fmt::print(stderr, "{}: {}\n", name, std::string(status.message()));
  return code;
}

}  // namespace

int RunComponent(int argc, char** argv, const ComponentDefinition& definition) {
  const config::ConfigInput input = config::ProcessInput(argc, argv, environ);
  if (const std::optional<int> code = RunBareActions(definition, input.args)) return *code;
  absl::StatusOr<config::Config> config = config::Config::Load(definition.options, input);
  if (!config.ok()) return Complain(definition.name, config.status(), kExitUsage);
  if (definition.check) {
    const absl::Status checked = definition.check(*config);
    if (!checked.ok()) return Complain(definition.name, checked, kExitUsage);
  }
  // Who prints settings or asks for health serves nothing.
  if (!config->GetBool("print_config") && !config->GetBool("health_check")) {
    const absl::Status checked = CheckServing(*config);
    if (!checked.ok()) return Complain(definition.name, checked, kExitUsage);
  }
  if (const std::optional<int> code = RunActions(definition, *config)) return *code;

  absl::StatusOr<SignalWaiter> signals = SignalWaiter::Create();
  if (!signals.ok()) return Complain(definition.name, signals.status(), kExitFailed);
  logging::Init(MakeLogOptions(definition.name, *config));
  logging::Info("starting", {{"version", base::kVersion}, {"config", config->file()}});
  auto run = std::make_unique<Run>(definition, *std::move(config), *std::move(signals));
  const absl::Status started = run->Start();
  if (started.ok()) {
    run->Serve();
  } else {
    logging::Error("cannot start", {{"error", started}});
  }
  const bool is_clean = run->Stop();
  if (is_clean) {
    const base::Monotonic begin = base::Clock::Real().MonotonicNow();
    run.reset();  // gives back the ring and closes the store
    logging::Info("released", {{"took", base::Elapsed(begin, base::Clock::Real().MonotonicNow())}});
  }
  logging::Info("ended");
  logging::Shutdown();
  const int code = started.ok() && is_clean ? 0 : kExitFailed;
  // What hangs still uses what it borrowed: nothing is destroyed under it.
  if (!is_clean) _exit(code);
  return code;
}

}  // namespace daemoneye::monitor
