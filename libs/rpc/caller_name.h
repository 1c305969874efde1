// Who calls, as far as it is known.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

namespace daemoneye::rpc {

// Who a listener's callers are that show no certificate: the listener's role let them in.
inline constexpr char kLocalOperator[] = "local operator";

// The first name of the caller's certificate; empty where it has shown none.
std::string CertificateName(const grpc::CallbackServerContext& context);

// The same, or kLocalOperator: who an audit row of an operate call names.
std::string OperatorName(const grpc::CallbackServerContext& context);

}  // namespace daemoneye::rpc
