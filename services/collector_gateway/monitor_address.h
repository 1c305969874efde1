// MonitorAddress: where a monitor or an analyzer is, as --monitors and --analyzers name it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace daemoneye::gateway {

struct MonitorAddress {
  // As given, trimmed.
  std::string text;
  // True for dns:///name:port: each address of the name is a link of its own.
  bool is_resolved = false;
  std::string host;  // of dns:///
  std::string port;
  // True where TLS is used when it is configured: not on unix sockets.
  bool is_tcp = false;
};

// Accepts unix:///path, host:port, [v6]:port and dns:///name:port. InvalidArgument names the
// setting `key`, what is wrong and what would be right.
absl::StatusOr<MonitorAddress> ParseMonitorAddress(std::string_view text,
                                                   std::string_view key = "monitors");

// The addresses of a name as gRPC targets ("ipv4:1.2.3.4:50051", "ipv6:[::1]:50051"), sorted.
// Blocks on the resolver (getaddrinfo(3)). Unavailable: the name has no address now.
absl::StatusOr<std::vector<std::string>> ResolveMonitorAddress(const MonitorAddress& address);

}  // namespace daemoneye::gateway
