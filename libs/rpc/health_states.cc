#include "libs/rpc/health_states.h"

#include <grpcpp/health_check_service_interface.h>

#include <utility>

namespace daemoneye::rpc {

HealthStates::HealthStates(std::vector<std::string> names) : names_(std::move(names)) {
  for (const std::string& name : names_) states_[name] = false;
  for (const char* name : {"", kLiveness, kReadiness}) states_[name] = false;
}

void HealthStates::SetReady(bool is_ready) {
  base::MutexLock lock(mu_);
  for (const std::string& name : names_) SetLocked(name, is_ready);
  SetLocked("", is_ready);
  SetLocked(kReadiness, is_ready);
}

void HealthStates::SetAlive(bool is_alive) {
  base::MutexLock lock(mu_);
  SetLocked(kLiveness, is_alive);
}

void HealthStates::Shutdown() {
  base::MutexLock lock(mu_);
  is_shut_down_ = true;
  for (auto& [name, is_serving] : states_) is_serving = false;
  for (grpc::HealthCheckServiceInterface* service : services_) service->Shutdown();
  services_.clear();
}

bool HealthStates::is_ready() const {
  base::MutexLock lock(mu_);
  return states_.at(kReadiness);
}

bool HealthStates::is_alive() const {
  base::MutexLock lock(mu_);
  return states_.at(kLiveness);
}

void HealthStates::Attach(grpc::HealthCheckServiceInterface& service) {
  base::MutexLock lock(mu_);
  for (const auto& [name, is_serving] : states_) service.SetServingStatus(name, is_serving);
  services_.push_back(&service);
}

void HealthStates::SetLocked(const std::string& name, bool is_serving) {
  bool& state = states_.at(name);
  if (is_shut_down_ || state == is_serving) return;
  state = is_serving;
  for (grpc::HealthCheckServiceInterface* service : services_) {
    service->SetServingStatus(name, is_serving);
  }
}

}  // namespace daemoneye::rpc
