#include "libs/monitor/component_actions.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <cstdio>

#include "absl/time/clock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "libs/base/listen_address.h"
#include "libs/base/status_macros.h"
#include "libs/base/version.h"
#include "libs/config/options_text.h"
#include "libs/rpc/health_states.h"
#include "libs/rpc/pem_file.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::monitor {
namespace {

constexpr absl::Duration kHealthTimeout = absl::Seconds(3);

// What the server itself shows: with mutual TLS its own certificate is the only one at hand.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> SelfCredentials(
    const config::Config& config) {
  if (config.GetString("tls_cert").empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  const char* roots = config.GetString("tls_client_ca").empty() ? "tls_cert" : "tls_client_ca";
  ASSIGN_OR_RETURN(options.pem_root_certs, rpc::ReadPemFile(roots, config.GetString(roots)));
  ASSIGN_OR_RETURN(options.pem_cert_chain,
                   rpc::ReadPemFile("tls_cert", config.GetString("tls_cert")));
  ASSIGN_OR_RETURN(options.pem_private_key,
                   rpc::ReadPemFile("tls_key", config.GetString("tls_key")));
  return grpc::SslCredentials(options);
}

}  // namespace

std::optional<int> RunBareActions(const ServerDefinition& definition,
                                  const std::vector<std::string>& args) {
  if (config::AsksForHelp(args)) {
    fmt::print("{}", config::HelpText(definition.options));
    return 0;
  }
  if (config::AsksForVersion(args)) {
    fmt::print("{} {}\n", definition.name, base::kVersion);
    return 0;
  }
  return std::nullopt;
}

std::optional<int> RunActions(const ServerDefinition& definition, const config::Config& config) {
  if (config.GetBool("print_config")) {
    fmt::print("{}", config.PrintConfig());
    return 0;
  }
  if (config.GetBool("check_config")) {
    fmt::print("{}: the configuration is good{}\n", definition.name,
               config.file().empty() ? "" : " (" + config.file() + ")");
    return 0;
  }
  if (config.GetBool("health_check")) {
    const absl::Status status = CheckHealth(config, kHealthTimeout);
    if (status.ok()) {
      fmt::print("{}: serving\n", definition.name);
      return 0;
    }
    fmt::print(stderr, "{}: {}\n", definition.name, std::string(status.message()));
    return 1;
  }
  return std::nullopt;
}

absl::Status CheckHealth(const config::Config& config, absl::Duration timeout) {
  const std::string& health = config.GetString("health_listen");
  ASSIGN_OR_RETURN(
      const base::ListenAddress address,
      base::ParseListenAddress(health.empty() ? config.GetList("listen").front() : health));
  const bool is_clear = !health.empty() || address.is_unix;
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!is_clear) {
    ASSIGN_OR_RETURN(credentials, SelfCredentials(config));
  }
  const auto channel = grpc::CreateChannel(address.ToString(), credentials);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(rpc::kReadiness);
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status =
      grpc::health::v1::Health::NewStub(channel)->Check(&context, request, &response);
  if (!status.ok()) {
    return absl::UnavailableError(
        fmt::format("no answer at {}: {}", address.ToString(), status.error_message()));
  }
  if (response.status() != grpc::health::v1::HealthCheckResponse::SERVING) {
    return absl::UnavailableError(
        fmt::format("{} answers {}", address.ToString(),
                    grpc::health::v1::HealthCheckResponse::ServingStatus_Name(response.status())));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::monitor
