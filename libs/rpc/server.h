// Server: runs a component's gRPC services on its listeners, with health and reflection.
//
// Lifecycle:  Start, Shutdown. The services and the observer outlive it.
// Threads:    Start and Shutdown from one thread (Start sets the umask for a moment), the rest from
//             any. gRPC owns the threads.
// Cost:       12 ms to start, two threads while idle.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/listen_address.h"
#include "libs/rpc/access.h"
#include "libs/rpc/call_observer.h"
#include "libs/rpc/health_states.h"
#include "libs/rpc/listener_credentials.h"

namespace daemoneye::rpc {

struct ServerOptions {
  // For viewers: unix sockets of mode 0660, TCP.
  std::vector<std::string> listen;
  // For operators: unix sockets of mode 0600; TCP only where certificates decide.
  std::vector<std::string> operator_listen;
  // Health alone, in clear text. Empty: none.
  std::string health_listen;
  // For TCP listeners.
  TlsKeys tls;
  // Names in clients' certificates; they need tls.client_ca.
  std::vector<std::string> tls_operators;
  std::vector<std::string> tls_viewers;
  // Plaintext beyond loopback.
  bool allow_insecure = false;
  bool reflection = true;
  int max_request_bytes = 64 << 10;
};

// A service, and the name that health answers for it under.
struct ServedService {
  grpc::Service* service = nullptr;
  std::string name;  // daemoneye::v1::MonitorService::service_full_name()
};

class Server {
 public:
  // Whether a server could be asked to listen so, as far as that can be told without trying:
  // InvalidArgument names the address and what would be right.
  static absl::Status Check(const ServerOptions& options);

  // Binds all listeners and serves. InvalidArgument: an address or a combination that is refused.
  // FailedPrecondition, AlreadyExists, Unavailable: one sentence on the address that could not be
  // had. `observer` may be null.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       const std::vector<ServedService>& services,
                                                       CallObserver* observer);

  // As Shutdown(0).
  ~Server();

  HealthStates& health() { return health_; }

  // What is listened on, with the ports that were picked.
  const std::vector<base::ListenAddress>& addresses() const { return addresses_; }
  // Of health_listen; empty host when there is none.
  const base::ListenAddress& health_address() const { return health_address_; }

  // Health says not serving; no new calls; cancels those that have not ended within `grace`, and
  // returns when the last one has ended. Idempotent.
  void Shutdown(absl::Duration grace);

 private:
  explicit Server(std::vector<std::string> service_names) : health_(std::move(service_names)) {}

  absl::Status StartServices(const ServerOptions& options,
                             const std::vector<ServedService>& services, CallObserver* observer);
  absl::Status StartHealth(const std::string& address);

  // Answers UNIMPLEMENTED beside health; a server without any service does not start.
  grpc::CallbackGenericService nothing_else_;
  HealthStates health_;
  std::vector<base::ListenAddress> addresses_;
  base::ListenAddress health_address_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::Server> health_server_;
};

}  // namespace daemoneye::rpc
