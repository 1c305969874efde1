// The settings that every server of the suite has.
#pragma once

#include <cstdint>
#include <string>

#include "libs/config/option_spec.h"

namespace daemoneye::config {

// In what the components differ.
struct ServerDefaults {
  std::string component;      // "procmond"
  std::string listen = {};    // empty: unix:///run/daemoneye/<component>.sock
  uint16_t metrics_port = 0;  // on 127.0.0.1; 0: --metrics_address is empty by default (off)
  std::string ring_bytes = "16MiB";
  std::string ring_events = "65536";
  // False: it has no event bus, so no ring, and nothing to label or to redact.
  bool has_bus = true;
};

// listen, operator_listen, metrics_address, health_listen, health_check, config, log_level,
// log_format, data_dir, node_name, labels, ring_events, ring_bytes, tls_cert, tls_key,
// tls_client_ca, tls_operators, tls_viewers, insecure, reflection, redact, check_config,
// print_config, version, help. Without a bus all but labels, ring_events, ring_bytes and redact.
OptionTable CommonServerOptions(const ServerDefaults& defaults);

}  // namespace daemoneye::config
