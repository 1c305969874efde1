// ListenAddress: where a server listens, as --listen, --health_listen and --metrics_address spell
// it.
//
//   unix:///run/daemoneye/procmond.sock   unix:run/x.sock   127.0.0.1:50051   [::1]:0 0.0.0.0:50051
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::base {

struct ListenAddress {
  bool is_unix = false;
  std::string path;  // of a unix socket
  std::string host;  // of TCP, without brackets; numeric, or "localhost"
  uint16_t port = 0;

  bool is_loopback() const;
  bool is_ipv6() const { return host.find(':') != std::string::npos; }
  // As a client gives it, gRPC's too: "unix:///run/x.sock", "127.0.0.1:50051", "[::1]:50051".
  std::string ToString() const;
};

// InvalidArgument says what is wrong and what would be right: an unknown scheme, a path that is too
// long for the kernel (107 bytes, unix(7)), a port that is missing or no number, a host name.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// The same for a listener that TCP alone can reach: a unix socket is refused, too.
absl::StatusOr<ListenAddress> ParseTcpListenAddress(std::string_view text);

}  // namespace daemoneye::base
