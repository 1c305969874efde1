#include "libs/rpc/server.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <list>
#include <utility>

#include "grpc/health/v1/health.pb.h"
#include "libs/base/listen_address.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/socket_path.h"

namespace daemoneye::rpc {
namespace {

// Of buffers and handshakes of all connections together.
constexpr size_t kMaxBufferBytes = 256 << 20;

// Takes reflection away from one server: linking it gives it to every server of the process.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins,
                  [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

// Keeps gRPC's library up until the process ends. Taking it down may wait 10 s for a poller of its
// own, which is there once a socket was full.
void KeepLibraryUp() { [[maybe_unused]] static const bool is_up = (grpc_init(), true); }

// A listener that is about to be bound. `port` is filled by gRPC.
struct Listener {
  base::ListenAddress address;
  ListenerOptions options;
  int port = 0;
};

absl::StatusOr<Listener> PlanListener(const std::string& text, const ServerOptions& options,
                                      Role role) {
  ASSIGN_OR_RETURN(base::ListenAddress address, base::ParseListenAddress(text));
  Listener listener{.address = std::move(address)};
  listener.options.access.role = role;
  listener.options.socket_mode = role == Role::kOperator ? 0600 : 0660;
  if (listener.address.is_unix) return listener;
  listener.options.tls = options.tls;
  if (!options.tls.client_ca.empty()) {
    listener.options.access = {.needs_certificate = true,
                               .operators = options.tls_operators,
                               .viewers = options.tls_viewers};
  } else if (role == Role::kOperator) {
    return absl::InvalidArgumentError(
        fmt::format("operator_listen: {} without tls_client_ca would make everybody an operator; "
                    "use a unix socket or client certificates",
                    listener.address.ToString()));
  }
  if (options.tls.certificate_chain.empty() && !listener.address.is_loopback() &&
      !options.allow_insecure) {
    return absl::InvalidArgumentError(
        fmt::format("listen: {} is plaintext beyond this machine; set tls_cert and tls_key, or "
                    "say --insecure",
                    listener.address.ToString()));
  }
  return listener;
}

absl::StatusOr<std::list<Listener>> PlanListeners(const ServerOptions& options) {
  std::list<Listener> listeners;  // stable, since gRPC fills in the ports
  for (const std::string& text : options.listen) {
    ASSIGN_OR_RETURN(Listener listener, PlanListener(text, options, Role::kViewer));
    listeners.push_back(std::move(listener));
  }
  for (const std::string& text : options.operator_listen) {
    ASSIGN_OR_RETURN(Listener listener, PlanListener(text, options, Role::kOperator));
    listeners.push_back(std::move(listener));
  }
  if (listeners.empty()) return absl::InvalidArgumentError("listen: no address to listen on");
  return listeners;
}

absl::Status CheckFree(const base::ListenAddress& address) {
  if (address.is_unix) return PrepareSocketPath(address.path);
  return address.port == 0 ? absl::OkStatus() : CheckPortIsFree(address);
}

// Refuses what cannot be heard of again: a port that two processes share, and pings faster than 10
// s.
void Harden(grpc::ServerBuilder& builder, int max_request_bytes) {
  builder.SetMaxReceiveMessageSize(max_request_bytes);
  builder.SetResourceQuota(grpc::ResourceQuota("server").Resize(kMaxBufferBytes));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 9'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1'024);
}

std::vector<std::string> NamesOf(const std::vector<ServedService>& services) {
  std::vector<std::string> names;
  for (const ServedService& served : services) names.push_back(served.name);
  return names;
}

}  // namespace

absl::Status Server::Check(const ServerOptions& options) {
  RETURN_IF_ERROR(PlanListeners(options).status());
  if (options.health_listen.empty()) return absl::OkStatus();
  return base::ParseListenAddress(options.health_listen).status();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      const std::vector<ServedService>& services,
                                                      CallObserver* observer) {
  KeepLibraryUp();
  // The built-in health service has no descriptor of its own to be reflected.
  grpc::health::v1::HealthCheckRequest::descriptor();
  grpc::EnableDefaultHealthCheckService(true);
  std::unique_ptr<Server> server(new Server(NamesOf(services)));
  RETURN_IF_ERROR(server->StartServices(options, services, observer));
  if (!options.health_listen.empty()) {
    RETURN_IF_ERROR(server->StartHealth(options.health_listen));
  }
  return server;
}

absl::Status Server::StartServices(const ServerOptions& options,
                                   const std::vector<ServedService>& services,
                                   CallObserver* observer) {
  ASSIGN_OR_RETURN(std::list<Listener> listeners, PlanListeners(options));
  grpc::ServerBuilder builder;
  Harden(builder, options.max_request_bytes);
  for (Listener& listener : listeners) {
    RETURN_IF_ERROR(CheckFree(listener.address));
    if (observer != nullptr) {
      listener.options.on_refused = [observer](std::string_view path, absl::StatusCode code) {
        CallRecord record{.code = code};
        SplitPath(path, record);
        observer->OnCallEnded(record);
      };
    }
    builder.AddListeningPort(listener.address.ToString(), MakeListenerCredentials(listener.options),
                             &listener.port);
  }
  for (const ServedService& served : services) builder.RegisterService(served.service);
  if (!options.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
  if (observer != nullptr) {
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
    creators.push_back(MakeCallInterceptor(*observer));
    builder.experimental().SetInterceptorCreators(std::move(creators));
  }
  server_ = builder.BuildAndStart();
  for (const Listener& listener : listeners) {
    if (server_ == nullptr || (listener.port == 0 && !listener.address.is_unix)) {
      return absl::UnavailableError(
          fmt::format("cannot listen on {}{}", listener.address.ToString(),
                      listener.options.tls.certificate_chain.empty()
                          ? ""
                          : ": are tls_cert and tls_key a pair, and tls_client_ca a certificate?"));
    }
    addresses_.push_back(listener.address);
    if (!listener.address.is_unix) addresses_.back().port = static_cast<uint16_t>(listener.port);
  }
  health_.Attach(*server_->GetHealthCheckService());
  return absl::OkStatus();
}

absl::Status Server::StartHealth(const std::string& address) {
  ASSIGN_OR_RETURN(health_address_, base::ParseListenAddress(address));
  RETURN_IF_ERROR(CheckFree(health_address_));
  grpc::ServerBuilder builder;
  Harden(builder, 4096);
  builder.SetOption(std::make_unique<WithoutReflection>());
  builder.RegisterCallbackGenericService(&nothing_else_);
  int port = 0;
  builder.AddListeningPort(health_address_.ToString(), MakeListenerCredentials({}), &port);
  health_server_ = builder.BuildAndStart();
  if (health_server_ == nullptr) {
    return absl::UnavailableError(
        fmt::format("cannot listen on {} for health", health_address_.ToString()));
  }
  if (!health_address_.is_unix) health_address_.port = static_cast<uint16_t>(port);
  health_.Attach(*health_server_->GetHealthCheckService());
  return absl::OkStatus();
}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

void Server::Shutdown(absl::Duration grace) {
  health_.Shutdown();
  const std::chrono::system_clock::time_point deadline =
      std::chrono::system_clock::now() + absl::ToChronoNanoseconds(grace);
  for (std::unique_ptr<grpc::Server>* server : {&server_, &health_server_}) {
    if (*server == nullptr) continue;
    (*server)->Shutdown(deadline);
    server->reset();
  }
}

}  // namespace daemoneye::rpc
