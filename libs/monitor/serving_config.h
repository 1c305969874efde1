// What the settings of every server come to: how it serves, how it logs, who it is.
//
// Threads: any.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/config/config.h"
#include "libs/linux/privilege/capability_set.h"
#include "libs/logging/logging.h"
#include "libs/rpc/server.h"

namespace daemoneye::monitor {

// Reads the files of certificates and keys. InvalidArgument and the like name the setting.
absl::StatusOr<rpc::ServerOptions> MakeServerOptions(const config::Config& config);

// What can be told of the addresses, certificates and keys before anything is bound.
absl::Status CheckServing(const config::Config& config);

// cap_net_bind_service where an address has a port below 1024; none else.
privilege::CapabilitySet ListeningCapabilities(const config::Config& config);

logging::LogOptions MakeLogOptions(const std::string& name, const config::Config& config);

// `node_name`, or what the kernel calls this host.
std::string HostName(const config::Config& config);

// What says that a file changed: device, inode, size, mtime. Empty where there is none.
std::string FileMark(const std::string& path);

}  // namespace daemoneye::monitor
