// Access: who may call what. A listener gives its callers a role; one table says which role an RPC
// wants.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace daemoneye::rpc {

enum class Role { kViewer, kOperator };

// "viewer", "operator".
std::string_view RoleName(Role role);

// An RPC and the least role that may call it.
struct MethodAccess {
  std::string_view service;  // "daemoneye.v1.MonitorService"
  std::string_view method;   // "StreamEvents"
  Role role;
};

// Every RPC of the suite.
std::span<const MethodAccess> AllMethods();

// The role that `path` ("/service/method") wants. What is not in the table is for operators, but
// the methods of gRPC's own services, which only tell.
Role RequiredRole(std::string_view path);

// Who a listener's callers are.
struct AccessPolicy {
  // Role of every caller, where there are no certificates.
  Role role = Role::kViewer;
  // Callers must show a certificate, and its names decide: an empty `viewers` is everybody.
  bool needs_certificate = false;
  std::vector<std::string> operators;
  std::vector<std::string> viewers;
};

// OK, or Unauthenticated (no certificate where one is needed) or PermissionDenied. `names` are the
// subject alternative names of the caller's certificate; empty: none.
absl::Status CheckAccess(const AccessPolicy& policy, std::span<const std::string> names,
                         std::string_view path);

}  // namespace daemoneye::rpc
