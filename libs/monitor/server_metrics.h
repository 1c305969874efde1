// ServerMetrics: the metrics that every server has, whatever its component counts besides.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/config/config.h"
#include "libs/metrics/registry.h"
#include "libs/rpc/call_observer.h"

namespace daemoneye::monitor {

// Threads:    OnCallEnded from any, the rest from one.
// Ownership:  borrows the registry, which outlives it.
class ServerMetrics final : public rpc::CallObserver {
 public:
  ServerMetrics(const std::string& component, metrics::Registry& registry);

  // Counts the call; logs one line for a call that only operators may make.
  void OnCallEnded(const rpc::CallRecord& call) override;

  // The configuration in force, and whether the last reload took.
  void SetConfig(const config::Config& config, bool reload_ok);

 private:
  metrics::Counter RequestsLocked(std::string_view service, std::string_view method,
                                  absl::StatusCode code) REQUIRES(mu_);

  const std::string component_;
  metrics::Registry& registry_;
  metrics::Gauge generation_;
  metrics::Gauge reload_ok_;
  base::Mutex mu_;
  std::string fingerprint_ GUARDED_BY(mu_);
  // By service, method and code: the methods of one table and gRPC's 17 codes.
  std::map<std::string, metrics::Counter> requests_ GUARDED_BY(mu_);
  std::vector<metrics::CallbackHandle> callbacks_;
};

}  // namespace daemoneye::monitor
