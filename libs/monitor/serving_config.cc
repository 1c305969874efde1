#include "libs/monitor/serving_config.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "libs/base/listen_address.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/pem_file.h"

namespace daemoneye::monitor {
namespace {

absl::StatusOr<std::string> ReadPem(const config::Config& config, const char* key) {
  return rpc::ReadPemFile(key, config.GetString(key));
}

// ip(7): ports that not everybody may bind.
bool IsReservedPort(const std::string& address) {
  const absl::StatusOr<base::ListenAddress> parsed = base::ParseListenAddress(address);
  return parsed.ok() && !parsed->is_unix && parsed->port > 0 && parsed->port < 1024;
}

}  // namespace

absl::StatusOr<rpc::ServerOptions> MakeServerOptions(const config::Config& config) {
  rpc::ServerOptions options;
  options.listen = config.GetList("listen");
  options.operator_listen = config.GetList("operator_listen");
  options.health_listen = config.GetString("health_listen");
  ASSIGN_OR_RETURN(options.tls.certificate_chain, ReadPem(config, "tls_cert"));
  ASSIGN_OR_RETURN(options.tls.private_key, ReadPem(config, "tls_key"));
  ASSIGN_OR_RETURN(options.tls.client_ca, ReadPem(config, "tls_client_ca"));
  options.tls_operators = config.GetList("tls_operators");
  options.tls_viewers = config.GetList("tls_viewers");
  options.allow_insecure = config.GetBool("insecure");
  options.reflection = config.GetBool("reflection");
  return options;
}

absl::Status CheckServing(const config::Config& config) {
  ASSIGN_OR_RETURN(const rpc::ServerOptions options, MakeServerOptions(config));
  RETURN_IF_ERROR(rpc::Server::Check(options));
  const std::string& metrics = config.GetString("metrics_address");
  if (metrics.empty()) return absl::OkStatus();
  const absl::Status parsed = base::ParseTcpListenAddress(metrics).status();
  return parsed.ok() ? parsed
                     : absl::InvalidArgumentError(
                           fmt::format("metrics_address: {}", std::string(parsed.message())));
}

privilege::CapabilitySet ListeningCapabilities(const config::Config& config) {
  std::vector<std::string> addresses = config.GetList("listen");
  std::ranges::copy(config.GetList("operator_listen"), std::back_inserter(addresses));
  addresses.push_back(config.GetString("health_listen"));
  addresses.push_back(config.GetString("metrics_address"));
  if (!std::ranges::any_of(addresses, IsReservedPort)) return {};
  return {privilege::Capability::kNetBindService};
}

logging::LogOptions MakeLogOptions(const std::string& name, const config::Config& config) {
  logging::LogOptions options;
  options.component = name;
  options.level =
      logging::ParseLevel(config.GetString("log_level")).value_or(logging::Level::kInfo);
  options.format =
      config.GetString("log_format") == "json" ? logging::Format::kJson : logging::Format::kText;
  options.enable_debug =
      config.Has("enable_debug_logging") && config.GetBool("enable_debug_logging");
  return options;
}

std::string HostName(const config::Config& config) {
  const std::string& name = config.GetString("node_name");
  if (!name.empty()) return name;
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  return host;
}

std::string FileMark(const std::string& path) {
  struct stat st;
  if (path.empty() || stat(path.c_str(), &st) != 0) return "";
  return fmt::format("{}:{}:{}:{}.{}", st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec,
                     st.st_mtim.tv_nsec);
}

}  // namespace daemoneye::monitor
