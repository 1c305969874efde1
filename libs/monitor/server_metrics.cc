#include "libs/monitor/server_metrics.h"

#include <fmt/format.h>

#include "libs/base/version.h"
#include "libs/logging/logging.h"
#include "libs/metrics/process_metrics.h"
#include "libs/rpc/access.h"

namespace daemoneye::monitor {
namespace {

using base::MutexLock;

// gRPC's spelling, as in its documentation: "OK", "INVALID_ARGUMENT".
std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

}  // namespace

ServerMetrics::ServerMetrics(const std::string& component, metrics::Registry& registry)
    : component_(component),
      registry_(registry),
      generation_(registry.AddGauge("config_generation",
                                    "Generation of the configuration in force, from 1.")),
      reload_ok_(registry.AddGauge("config_last_reload_success",
                                   "1 when the last reload of the configuration was taken over.")),
      callbacks_(metrics::AddProcessMetrics(registry)) {
  registry
      .AddGauge("build_info", "Always 1; the labels tell the build.",
                {{"component", component}, {"version", base::kVersion}})
      .Set(1);
  {
    MutexLock lock(mu_);
    for (const rpc::MethodAccess& method : rpc::AllMethods()) {
      RequestsLocked(method.service, method.method, absl::StatusCode::kOk);
    }
  }
  callbacks_.push_back(registry.AddCallback(
      "config_info", "Always 1; the label tells which settings are in force, secrets left out.",
      metrics::MetricType::kGauge, [this](const metrics::SampleSink& sink) {
        MutexLock lock(mu_);
        sink({{"component", component_}, {"config_hash", fingerprint_}}, 1);
      }));
  callbacks_.push_back(registry.AddCallback(
      "log_lines_dropped_total", "Log lines lost because stderr took none.",
      metrics::MetricType::kCounter,
      std::function<double()>([] { return static_cast<double>(logging::dropped_lines()); })));
}

metrics::Counter ServerMetrics::RequestsLocked(std::string_view service, std::string_view method,
                                               absl::StatusCode code) {
  std::string key = fmt::format("{}/{}/{}", service, method, static_cast<int>(code));
  const auto found = requests_.find(key);
  if (found != requests_.end()) return found->second;
  const metrics::Counter counter =
      registry_.AddCounter("grpc_requests_total", "Calls that ended, by their status code.",
                           {{"service", std::string(service)},
                            {"method", std::string(method)},
                            {"code", CodeName(code)}});
  return requests_.emplace(std::move(key), counter).first->second;
}

void ServerMetrics::OnCallEnded(const rpc::CallRecord& call) {
  {
    MutexLock lock(mu_);
    const bool is_known = !call.method.empty();
    RequestsLocked(is_known ? call.service : "other", is_known ? call.method : "other", call.code)
        .Increment();
  }
  const std::string path = fmt::format("/{}/{}", call.service, call.method);
  if (!call.method.empty() && rpc::RequiredRole(path) == rpc::Role::kOperator) {
    logging::Info("operate call",
                  {{"method", path}, {"peer", call.peer}, {"code", CodeName(call.code)}});
  }
}

void ServerMetrics::SetConfig(const config::Config& config, bool reload_ok) {
  generation_.Set(static_cast<double>(config.generation()));
  reload_ok_.Set(reload_ok ? 1 : 0);
  MutexLock lock(mu_);
  fingerprint_ = config.Fingerprint();
}

}  // namespace daemoneye::monitor
