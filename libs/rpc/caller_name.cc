#include "libs/rpc/caller_name.h"

#include <grpcpp/security/auth_context.h>

#include <memory>
#include <vector>

namespace daemoneye::rpc {

std::string CertificateName(const grpc::CallbackServerContext& context) {
  const std::shared_ptr<const grpc::AuthContext> caller = context.auth_context();
  if (caller == nullptr || !caller->IsPeerAuthenticated()) return {};
  const std::vector<grpc::string_ref> names = caller->GetPeerIdentity();
  return names.empty() ? std::string() : std::string(names[0].data(), names[0].size());
}

std::string OperatorName(const grpc::CallbackServerContext& context) {
  const std::string name = CertificateName(context);
  return name.empty() ? kLocalOperator : name;
}

}  // namespace daemoneye::rpc
