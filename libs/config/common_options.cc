#include "libs/config/common_options.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "libs/config/config.h"

namespace daemoneye::config {
namespace {

std::vector<OptionSpec> ListenSpecs(const ServerDefaults& defaults) {
  const std::string listen = defaults.listen.empty()
                                 ? fmt::format("unix:///run/daemoneye/{}.sock", defaults.component)
                                 : defaults.listen;
  const std::string metrics =
      defaults.metrics_port == 0 ? "" : fmt::format("127.0.0.1:{}", defaults.metrics_port);
  return {
      {.key = "listen",
       .type = OptionType::kList,
       .min = 1,
       .max = 16,
       .default_text = listen,
       .doc = "Where viewers connect: unix:///path, 127.0.0.1:50051, [::1]:50051; port 0 picks a "
              "free one and logs it. A TCP port is open to every local user."},
      {.key = "operator_listen",
       .type = OptionType::kList,
       .max = 16,
       .doc = "Where operators connect, who may also change things: unix sockets of mode 0600."},
      {.key = "metrics_address",
       .default_text = metrics,
       .doc = "host:port of the Prometheus page /metrics; port 0 picks a free one, empty is off."},
      {.key = "health_listen",
       .doc = "An address for grpc.health.v1 alone, in clear text, for probes that speak no TLS; "
              "empty is off."},
      {.key = "reflection",
       .type = OptionType::kBool,
       .default_text = "true",
       .doc = "Answer gRPC server reflection."},
  };
}

std::vector<OptionSpec> IdentitySpecs() {
  return {
      {.key = "node_name",
       .max = 253,
       .doc = "The host's name in events (origin.host); empty is what the kernel says."},
      {.key = "data_dir",
       .default_text = "/var/lib/daemoneye",
       .doc = "The directory of what is kept over a restart; empty: nothing is."},
  };
}

std::vector<OptionSpec> LogSpecs() {
  return {
      {.key = "log_level",
       .type = OptionType::kEnum,
       .choices = {"debug", "info", "warning", "error"},
       .default_text = "info",
       .doc = "The least level that is logged.",
       .reloadable = true},
      {.key = "log_format",
       .type = OptionType::kEnum,
       .choices = {"text", "json"},
       .default_text = "text",
       .doc = "How log lines on stderr look."},
  };
}

std::vector<OptionSpec> StreamSpecs(const ServerDefaults& defaults) {
  return {
      {.key = "labels",
       .type = OptionType::kMap,
       .max = 16,
       .doc = "Labels of this publisher, told once a stream."},
      {.key = "ring_events",
       .type = OptionType::kInt,
       .unit = "events",
       .min = 16,
       .max = 100'000'000,
       .default_text = defaults.ring_events,
       .doc = "Events kept for slow readers and for those that come back."},
      {.key = "ring_bytes",
       .type = OptionType::kBytes,
       .min = 256 << 10,
       .max = uint64_t{64} << 30,
       .default_text = defaults.ring_bytes,
       .doc = "Bytes of serialised events kept for them; the smaller of the two bounds counts."},
      {.key = "redact",
       .type = OptionType::kBool,
       .default_text = "true",
       .doc = "Blank out passwords, tokens and credentials in command lines."},
  };
}

std::vector<OptionSpec> TlsSpecs() {
  return {
      {.key = "tls_cert", .doc = "PEM file of the server's certificate chain; empty: no TLS."},
      {.key = "tls_key", .doc = "PEM file of its private key."},
      {.key = "tls_client_ca",
       .doc = "PEM file of the authorities that sign clients; with it every client needs a "
              "certificate."},
      {.key = "tls_operators",
       .type = OptionType::kList,
       .doc = "Subject alternative names of clients that are operators."},
      {.key = "tls_viewers",
       .type = OptionType::kList,
       .doc = "Subject alternative names of clients that are viewers."},
      {.key = "insecure",
       .type = OptionType::kBool,
       .default_text = "false",
       .doc = "Allow clear-text TCP on addresses other than loopback."},
  };
}

OptionSpec Action(std::string key, std::string doc) {
  return {.key = std::move(key),
          .type = OptionType::kBool,
          .default_text = "false",
          .doc = std::move(doc),
          .flag_only = true};
}

std::vector<OptionSpec> ActionSpecs(const std::string& component) {
  return {
      {.key = "config",
       .default_text = fmt::format("/etc/daemoneye/{}.yaml", component),
       .doc = "The file of settings. The default one may be missing; one that is asked for may "
              "not. Empty is none.",
       .not_in_file = true},
      Action("check_config", "Check the configuration and end: 0 when it is good."),
      Action("print_config", "Print the configuration with the layer of each value, and end."),
      Action("health_check", "Ask the running server for its health, and end: 0 when it serves."),
      Action("version", "Print the version and end."),
      Action("help", "Print this and end."),
  };
}

absl::Status CheckTls(const Config& config) {
  const bool has_cert = !config.GetString("tls_cert").empty();
  if (has_cert != !config.GetString("tls_key").empty()) {
    return absl::InvalidArgumentError(fmt::format("{} is missing: tls_cert and tls_key go together",
                                                  has_cert ? "tls_key" : "tls_cert"));
  }
  const bool has_ca = !config.GetString("tls_client_ca").empty();
  if (has_ca && !has_cert) {
    return absl::InvalidArgumentError("tls_client_ca needs tls_cert and tls_key");
  }
  for (const char* roles : {"tls_operators", "tls_viewers"}) {
    if (!config.GetList(roles).empty() && !has_ca) {
      return absl::InvalidArgumentError(
          fmt::format("{} needs tls_client_ca: names are only known of verified clients", roles));
    }
  }
  return absl::OkStatus();
}

}  // namespace

OptionTable CommonServerOptions(const ServerDefaults& defaults) {
  OptionTable table;
  table.component = defaults.component;
  for (std::vector<OptionSpec>& specs :
       std::vector{ListenSpecs(defaults), IdentitySpecs(), LogSpecs(),
                   defaults.has_bus ? StreamSpecs(defaults) : std::vector<OptionSpec>{}, TlsSpecs(),
                   ActionSpecs(defaults.component)}) {
    table.Append({.component = {}, .specs = std::move(specs), .checks = {}});
  }
  table.checks.push_back(CheckTls);
  return table;
}

}  // namespace daemoneye::config
