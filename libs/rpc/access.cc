#include "libs/rpc/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace daemoneye::rpc {
namespace {

constexpr std::string_view kMonitor = "daemoneye.v1.MonitorService";
constexpr std::string_view kGateway = "daemoneye.v1.GatewayService";
constexpr std::string_view kTrigger = "daemoneye.v1.TriggerService";
constexpr std::string_view kAlert = "daemoneye.v1.AlertService";
constexpr std::string_view kWorkflow = "daemoneye.v1.WorkflowService";
constexpr std::string_view kAnalyzer = "daemoneye.v1.AnalyzerService";
constexpr std::string_view kHealth = "grpc.health.v1.Health";
constexpr std::string_view kReflection = "grpc.reflection.v1alpha.ServerReflection";

// ExecuteTask and Analyze only read, so viewers may call them, within their limits.
constexpr MethodAccess kMethods[] = {
    {kMonitor, "NegotiateCapabilities", Role::kViewer},
    {kMonitor, "StreamEvents", Role::kViewer},
    {kMonitor, "StreamEventBatches", Role::kViewer},
    {kMonitor, "ExecuteTask", Role::kViewer},
    {kMonitor, "GetStatus", Role::kViewer},
    {kGateway, "ListMonitors", Role::kViewer},
    {kGateway, "Query", Role::kViewer},
    {kGateway, "DescribeTables", Role::kViewer},
    {kGateway, "ListAnalyzers", Role::kViewer},
    {kTrigger, "CreateTrigger", Role::kOperator},
    {kTrigger, "GetTrigger", Role::kViewer},
    {kTrigger, "ListTriggers", Role::kViewer},
    {kTrigger, "UpdateTrigger", Role::kOperator},
    {kTrigger, "DeleteTrigger", Role::kOperator},
    {kTrigger, "ValidateTrigger", Role::kViewer},
    {kTrigger, "BackTestTrigger", Role::kViewer},
    {kTrigger, "GetTriggerStatistics", Role::kViewer},
    {kAlert, "StreamAlerts", Role::kViewer},
    {kAlert, "ListAlerts", Role::kViewer},
    {kAlert, "AcknowledgeAlert", Role::kOperator},
    {kAlert, "ListDeadLetters", Role::kViewer},
    {kAlert, "ReplayDeadLetters", Role::kOperator},
    {kWorkflow, "CreateWorkflow", Role::kOperator},
    {kWorkflow, "ListWorkflows", Role::kViewer},
    {kWorkflow, "DeleteWorkflow", Role::kOperator},
    {kWorkflow, "ExecuteWorkflow", Role::kOperator},
    {kWorkflow, "GetExecution", Role::kViewer},
    {kWorkflow, "ListExecutions", Role::kViewer},
    {kWorkflow, "CancelExecution", Role::kOperator},
    {kWorkflow, "WatchExecution", Role::kViewer},
    {kAnalyzer, "NegotiateAnalysis", Role::kViewer},
    {kAnalyzer, "Analyze", Role::kViewer},
    {kHealth, "Check", Role::kViewer},
    {kHealth, "Watch", Role::kViewer},
    {kReflection, "ServerReflectionInfo", Role::kViewer},
};

bool Holds(std::span<const std::string> list, std::span<const std::string> names) {
  return std::ranges::any_of(
      names, [&](const std::string& name) { return std::ranges::count(list, name) > 0; });
}

// The caller's role; nullopt: none.
std::optional<Role> RoleOf(const AccessPolicy& policy, std::span<const std::string> names) {
  if (!policy.needs_certificate) return policy.role;
  if (Holds(policy.operators, names)) return Role::kOperator;
  if (policy.viewers.empty() || Holds(policy.viewers, names)) return Role::kViewer;
  return std::nullopt;
}

}  // namespace

std::string_view RoleName(Role role) { return role == Role::kOperator ? "operator" : "viewer"; }

std::span<const MethodAccess> AllMethods() { return kMethods; }

Role RequiredRole(std::string_view path) {
  for (const MethodAccess& entry : kMethods) {
    if (path.size() == entry.service.size() + entry.method.size() + 2 && path.starts_with('/') &&
        path.substr(1).starts_with(entry.service) && path.ends_with(entry.method) &&
        path[entry.service.size() + 1] == '/') {
      return entry.role;
    }
  }
  return path.starts_with("/grpc.health.") || path.starts_with("/grpc.reflection.")
             ? Role::kViewer
             : Role::kOperator;
}

absl::Status CheckAccess(const AccessPolicy& policy, std::span<const std::string> names,
                         std::string_view path) {
  if (policy.needs_certificate && names.empty()) {
    return absl::UnauthenticatedError("this listener wants a client certificate");
  }
  const std::optional<Role> role = RoleOf(policy, names);
  if (!role.has_value()) {
    return absl::PermissionDeniedError("the names of this certificate have no role here");
  }
  if (*role == Role::kViewer && RequiredRole(path) == Role::kOperator) {
    return absl::PermissionDeniedError(
        fmt::format("{} is for operators, and callers of this listener are viewers", path));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::rpc
