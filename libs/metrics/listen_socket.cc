#include "libs/metrics/listen_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "libs/base/unique_fd.h"

namespace daemoneye::metrics {
namespace {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;
};

SocketAddress ToSocketAddress(const base::ListenAddress& address) {
  SocketAddress out;
  if (address.is_ipv6()) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr);
    out.length = sizeof(*v6);
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr);
    out.length = sizeof(*v4);
  }
  return out;
}

base::UniqueFd MakeSocket(const base::ListenAddress& address, int flags) {
  return base::UniqueFd(
      socket(address.is_ipv6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

}  // namespace

absl::Status CheckBindable(const base::ListenAddress& address) {
  const base::UniqueFd fd = MakeSocket(address, 0);
  const SocketAddress target = ToSocketAddress(address);
  const int on = 1;
  if (fd.valid() && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&target.storage), target.length) == 0 &&
      listen(fd.get(), 1) == 0) {
    return absl::OkStatus();
  }
  const int error = errno;
  return absl::UnavailableError(
      fmt::format("metrics_address={}: {}", address.ToString(),
                  error == EADDRINUSE ? "the port is busy; give another one, or 0 to pick one"
                                      : std::generic_category().message(error)));
}

void ConnectOnce(const base::ListenAddress& address) {
  base::ListenAddress target = address;
  if (target.host == "0.0.0.0") target.host = "127.0.0.1";
  if (target.host == "::") target.host = "::1";
  const base::UniqueFd fd = MakeSocket(target, SOCK_NONBLOCK);
  const SocketAddress socket_address = ToSocketAddress(target);
  // Not waited for and no error looked at: the kernel queues it at the listener, or there is none.
  [[maybe_unused]] const int result = connect(
      fd.get(), reinterpret_cast<const sockaddr*>(&socket_address.storage), socket_address.length);
}

}  // namespace daemoneye::metrics
