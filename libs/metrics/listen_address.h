// ListenAddress: a numeric host and a port, and the few socket calls that the server needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace daemoneye::metrics {

struct ListenAddress {
  std::string host;  // without brackets
  uint16_t port = 0;

  bool is_ipv6() const { return host.find(':') != std::string::npos; }
  // "127.0.0.1:9464", "[::1]:9464".
  std::string ToString() const;
};

// "127.0.0.1:9464", "[::1]:9464", "localhost:9464" (which is 127.0.0.1). InvalidArgument else: no
// names, no bare ports.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// Unavailable, with the kernel's reason, when a listener cannot be bound there.
absl::Status CheckBindable(const ListenAddress& address);

// Opens a connection to a listener at `address` (a wildcard: to this machine) and closes it.
void ConnectOnce(const ListenAddress& address);

}  // namespace daemoneye::metrics
