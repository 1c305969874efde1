// HealthStates: the named answers of grpc.health.v1, the same on every listener that serves them.
//
// Names: "" (the server), each service, "liveness", "readiness". All begin as not serving.
//
// Threads:  all methods from any.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "libs/base/mutex.h"

namespace grpc {
class HealthCheckServiceInterface;
}

namespace daemoneye::rpc {

inline constexpr char kLiveness[] = "liveness";
inline constexpr char kReadiness[] = "readiness";

class HealthStates {
 public:
  // Answers of `names` follow the readiness state.
  explicit HealthStates(std::vector<std::string> names);

  // Readiness, the server's own "" and every service.
  void SetReady(bool is_ready);
  void SetAlive(bool is_alive);
  // All not serving, for good; watchers are told.
  void Shutdown();

  bool is_ready() const;
  bool is_alive() const;

  // `service` answers by these states from now on; it outlives Shutdown().
  void Attach(grpc::HealthCheckServiceInterface& service);

 private:
  void SetLocked(const std::string& name, bool is_serving) REQUIRES(mu_);

  const std::vector<std::string> names_;
  mutable base::Mutex mu_;
  std::map<std::string, bool> states_ GUARDED_BY(mu_);
  std::vector<grpc::HealthCheckServiceInterface*> services_ GUARDED_BY(mu_);
  bool is_shut_down_ GUARDED_BY(mu_) = false;
};

}  // namespace daemoneye::rpc
