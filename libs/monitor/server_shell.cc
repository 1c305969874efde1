#include "libs/monitor/server_shell.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/base/version.h"
#include "libs/linux/privilege/privileges.h"
#include "libs/logging/logging.h"
#include "libs/metrics/metrics_server.h"
#include "libs/monitor/component_actions.h"
#include "libs/monitor/liveness.h"
#include "libs/monitor/server_metrics.h"
#include "libs/monitor/serving_config.h"
#include "libs/monitor/signal_waiter.h"

extern char** environ;

namespace daemoneye::monitor {
namespace {

using base::MutexLock;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// How often readiness and the file of settings are looked at, unless something says so earlier.
constexpr absl::Duration kTick = absl::Seconds(1);
// What open streams may take to send what is in the log, and calls to end.
constexpr absl::Duration kDrainTime = absl::Milliseconds(400);

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
  Run(const ServerDefinition& definition, config::Config config, SignalWaiter signals)
      : definition_(definition),
        config_(config),
        current_(std::move(config)),
        signals_(std::move(signals)),
        started_at_(clock_.Now()),
        server_metrics_(definition.name, registry_) {}

  absl::Status Start();
  void Serve();
  // Returns whether everything ended, so that destructors may run.
  bool Stop();

 private:
  absl::Status StartServer(const rpc::ServerOptions& options);
  void UpdateReadiness();
  void Reload();
  // One log line a step, with the time it took.
  void LogStep(const char* step, base::Monotonic since) const {
    logging::Info(step, {{"took", base::Elapsed(since, clock_.MonotonicNow())}});
  }

  const ServerDefinition& definition_;
  config::Config config_;  // the main thread's
  CurrentConfig current_;
  SignalWaiter signals_;
  base::Clock& clock_ = base::Clock::Real();
  const absl::Time started_at_;
  metrics::Registry registry_;
  ServerMetrics server_metrics_;
  std::string file_mark_;
  bool was_ready_ = false;

  std::unique_ptr<ServedComponent> served_;
  std::unique_ptr<metrics::MetricsServer> metrics_server_;
  std::unique_ptr<rpc::Server> server_;
  std::shared_ptr<Liveness> liveness_;
};

absl::Status Run::Start() {
  file_mark_ = FileMark(config_.file());
  server_metrics_.SetConfig(config_, true);
  ASSIGN_OR_RETURN(rpc::ServerOptions options, MakeServerOptions(config_));
  options.max_request_bytes = definition_.max_request_bytes;
  ASSIGN_OR_RETURN(metrics_server_,
                   metrics::MetricsServer::Start(config_.GetString("metrics_address"), registry_));
  ASSIGN_OR_RETURN(served_, definition_.make(ServerContext{
                                .config = config_,
                                .metrics = registry_,
                                .clock = clock_,
                                .started_at = started_at_,
                                .host = HostName(config_),
                                .current_config = [this] { return current_.Get(); },
                                .on_readiness_changed = [this] { signals_.Wake(); },
                            }));
  RETURN_IF_ERROR(StartServer(options));
  const base::Monotonic begin = clock_.MonotonicNow();
  RETURN_IF_ERROR(served_->Start());
  LogStep("started", begin);
  UpdateReadiness();
  return absl::OkStatus();
}

absl::Status Run::StartServer(const rpc::ServerOptions& options) {
  ASSIGN_OR_RETURN(server_, rpc::Server::Start(options, served_->services(), &server_metrics_));
  liveness_ = std::make_shared<Liveness>(
      clock_, [health = &server_->health()](bool is_alive) { health->SetAlive(is_alive); });
  served_->loop().Wake(served_->loop().Add(liveness_));
  for (const base::ListenAddress& address : server_->addresses()) {
    logging::Info("listening", {{"address", address.ToString()}});
  }
  if (metrics_server_ != nullptr) {
    logging::Info("metrics",
                  {{"url", fmt::format("http://{}/metrics", metrics_server_->address())}});
  }
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
  if (served_ != nullptr) {
    const absl::Status stopped = served_->Stop();
    if (!stopped.ok()) {
      logging::Error("component did not stop", {{"error", stopped}});
      is_clean = stopped.code() != absl::StatusCode::kDeadlineExceeded;
    }
    LogStep("component stopped", begin);
  }
  begin = clock_.MonotonicNow();
  if (served_ != nullptr) served_->Drain();
  if (server_ != nullptr) server_->Shutdown(kDrainTime);
  if (served_ != nullptr) served_->loop().Stop();  // it tells the server's health
  LogStep("server stopped", begin);
  if (metrics_server_ != nullptr) metrics_server_->Stop();
  return is_clean;
}

void Run::UpdateReadiness() {
  const bool is_ready = served_->IsReady();
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
  if (status.ok()) status = served_->Reload(reloaded->config, reloaded->changed);
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

// What it may do from now on, and what it could before.
struct PrivilegeChange {
  privilege::Privileges before;
  privilege::Privileges now;
};

absl::StatusOr<PrivilegeChange> DropPrivileges(const ServerDefinition& definition,
                                               const config::Config& config) {
  PrivilegeChange change;
  ASSIGN_OR_RETURN(change.before, privilege::ReadPrivileges());
  privilege::CapabilitySet needed = ListeningCapabilities(config);
  if (definition.capabilities) needed = needed | definition.capabilities(config);
  ASSIGN_OR_RETURN(change.now, privilege::DropPrivileges(needed));
  return change;
}

void LogPrivileges(const PrivilegeChange& change) {
  logging::Info("privileges",
                {{"user", change.now.user_id},
                 {"kept", change.now.permitted.ToString()},
                 {"dropped", (change.before.permitted - change.now.permitted).ToString()},
                 {"bounding_set", change.now.bounding.empty()
                                      ? "empty"
                                      : "as it was: cap_setpcap, which could empty it, is missing"},
                 {"no_new_privs", change.now.has_no_new_privileges}});
}

int Complain(const std::string& name, const absl::Status& status, int code) {
  fmt::print(stderr, "{}: {}\n", name, std::string(status.message()));
  return code;
}

}  // namespace

int RunServer(int argc, char** argv, const ServerDefinition& definition) {
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

  // Threads inherit privileges, and blocked signals.
  const absl::StatusOr<PrivilegeChange> privileges = DropPrivileges(definition, *config);
  if (!privileges.ok()) return Complain(definition.name, privileges.status(), kExitFailed);
  absl::StatusOr<SignalWaiter> signals = SignalWaiter::Create();
  if (!signals.ok()) return Complain(definition.name, signals.status(), kExitFailed);
  logging::Init(MakeLogOptions(definition.name, *config));
  logging::Info("starting", {{"version", base::kVersion}, {"config", config->file()}});
  LogPrivileges(*privileges);
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
    run.reset();  // gives back memory and closes files
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
