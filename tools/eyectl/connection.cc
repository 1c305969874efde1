#include "tools/eyectl/connection.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"

namespace daemoneye::eyectl {
namespace {

constexpr std::array<const char*, 2> kDefaultSockets = {"/run/daemoneye/collector-gateway.sock",
                                                        "/run/daemoneye/procmond.sock"};

absl::StatusOr<std::string> DefaultAddress() {
  for (const char* socket : kDefaultSockets) {
    if (::access(socket, F_OK) == 0) return fmt::format("unix://{}", socket);
  }
  return absl::NotFoundError(fmt::format(
      "neither {} nor {} is there: start a gateway or a monitor, or name one with --address",
      kDefaultSockets[0], kDefaultSockets[1]));
}

absl::StatusOr<std::string> ReadFile(std::string_view flag, const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("--{}: cannot read {}", flag, base::EscapeForTerminal(path)));
  }
  return text;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const ConnectionOptions& o) {
  if (o.tls_ca.empty() && o.tls_cert.empty() && o.tls_key.empty()) {
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions ssl;
  ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadFile("tls_ca", o.tls_ca));
  ASSIGN_OR_RETURN(ssl.pem_cert_chain, ReadFile("tls_cert", o.tls_cert));
  ASSIGN_OR_RETURN(ssl.pem_private_key, ReadFile("tls_key", o.tls_key));
  return grpc::SslCredentials(ssl);
}

std::chrono::system_clock::time_point After(absl::Duration d) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(
             absl::ToChronoNanoseconds(d));
}

}  // namespace

void AddConnectionFlags(FlagSet& flags, ConnectionOptions* options) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here writes the environment.
  if (const char* address = std::getenv("EYECTL_ADDRESS")) options->address = address;
  flags.AddText("address", "ADDR",
                "server: unix:///path or host:port; default: the gateway here, else procmond",
                &options->address);
  flags.AddDuration("wait", "wait this long for a server that is not there yet", &options->wait);
  flags.AddText("tls_ca", "FILE", "PEM: who may have signed the server's certificate",
                &options->tls_ca);
  flags.AddText("tls_cert", "FILE", "PEM: our certificate", &options->tls_cert);
  flags.AddText("tls_key", "FILE", "PEM: our key", &options->tls_key);
}

absl::StatusOr<Connection> Connection::Open(const ConnectionOptions& options) {
  std::string address = options.address;
  if (address.empty()) {
    ASSIGN_OR_RETURN(address, DefaultAddress());
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                   Credentials(options));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  // In spite of its name what one attempt may take: a server on a busy machine answers late.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // monitors and gateways are not behind one
  auto channel = grpc::CreateCustomChannel(address, credentials, arguments);
  if (options.wait > absl::ZeroDuration() && !channel->WaitForConnected(After(options.wait))) {
    return absl::UnavailableError(fmt::format("{} did not answer within {}",
                                              base::EscapeForTerminal(address),
                                              absl::FormatDuration(options.wait)));
  }
  return Connection(std::move(address), std::move(channel));
}

absl::Status Connection::ToStatus(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  // CANCELLED stands for our own reader being gone (Output): what a server cancels is an error.
  const auto told = code == absl::StatusCode::kCancelled ? absl::StatusCode::kAborted : code;
  return absl::Status(told, fmt::format("{}: {} ({})", absl::StatusCodeToString(code),
                                        base::EscapeForTerminal(status.error_message()),
                                        base::EscapeForTerminal(address_)));
}

void SetTimeout(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(After(timeout));
}

}  // namespace daemoneye::eyectl
