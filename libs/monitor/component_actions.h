// Component actions: what a server's flags can ask for instead of serving: --check_config,
// --print_config, --health_check. (--help and --version need no valid configuration.)
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "libs/config/config.h"
#include "libs/monitor/server_shell.h"

namespace daemoneye::monitor {

// Does what --help or --version asks for; the exit code, or nullopt when neither was given.
std::optional<int> RunBareActions(const ServerDefinition& definition,
                                  const std::vector<std::string>& args);

// Does what the configuration asks for; the exit code, or nullopt when it is to serve.
std::optional<int> RunActions(const ServerDefinition& definition, const config::Config& config);

// Asks the server at the first of --health_listen, --listen for "readiness". OK: it serves.
// Unavailable: it does not, or nobody answers within `timeout`; says which.
absl::Status CheckHealth(const config::Config& config, absl::Duration timeout);

}  // namespace daemoneye::monitor
