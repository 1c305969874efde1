// ListenAddress: where a server listens, as the --listen flags spell it.
//
//   unix:///run/daemoneye/procmond.sock   unix:run/x.sock   127.0.0.1:50051   [::1]:0 0.0.0.0:50051
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::rpc {

struct ListenAddress {
  bool is_unix = false;
  std::string path;  // of a unix socket
  std::string host;  // of TCP, without brackets; numeric, or "localhost"
  uint16_t port = 0;

  bool is_loopback() const;
  // As gRPC takes it: "unix:/run/x.sock", "127.0.0.1:50051", "[::1]:50051".
  std::string ToGrpcAddress() const;
  // As a client gives it: "unix:///run/x.sock"; TCP as above.
  std::string ToString() const;
};

// InvalidArgument says what is wrong and what would be right: an unknown scheme, a path that is too
// long for the kernel (107 bytes, unix(7)), a port that is missing or no number, a host name.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

}  // namespace daemoneye::rpc
