// ListenerCredentials: what a listener is bound with: its transport security, its socket's mode,
// and the access policy that every call is held against before its request is looked at.
//
// gRPC tells neither who is behind a unix socket nor which listener a call came by, so the check
// hangs on the listener itself. Plain clients connect as to any server.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "libs/rpc/access.h"

namespace daemoneye::rpc {

// PEM texts; an empty certificate is plaintext.
struct TlsKeys {
  std::string certificate_chain;
  std::string private_key;
  // Who signs clients' certificates; empty: none is asked for.
  std::string client_ca;
};

struct ListenerOptions {
  TlsKeys tls;
  AccessPolicy access;
  // Mode of a unix socket.
  mode_t socket_mode = 0660;
  // Told of each call that was refused, with the code. May be empty. Any thread.
  std::function<void(std::string_view path, absl::StatusCode code)> on_refused;
};

// For grpc::ServerBuilder::AddListeningPort.
std::shared_ptr<grpc::ServerCredentials> MakeListenerCredentials(ListenerOptions options);

}  // namespace daemoneye::rpc
