#include "tools/analyzer_conformance/raw_connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>

namespace daemoneye::conformance {
namespace {

absl::StatusOr<base::UniqueFd> Connect(int family, const sockaddr* address, socklen_t size) {
  base::UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // For a server that does not read.
  const timeval patience = {.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (!fd.valid() || ::connect(fd.get(), address, size) != 0) {
    return absl::UnavailableError(
        fmt::format("cannot connect: {}", std::generic_category().message(errno)));
  }
  return fd;
}

absl::StatusOr<base::UniqueFd> ConnectUnix(std::string_view path) {
  sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof(to.sun_path))
    return absl::UnimplementedError("a path that is too long");
  std::memcpy(to.sun_path, path.data(), path.size());
  return Connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
}

}  // namespace

absl::StatusOr<base::UniqueFd> ConnectRaw(const std::string& address) {
  std::string_view rest = address;
  if (rest.starts_with("unix:")) {
    rest.remove_prefix(rest.starts_with("unix://") ? 7 : 5);
    return ConnectUnix(rest);
  }
  const size_t colon = rest.rfind(':');
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  uint16_t port = 0;
  const bool is_numeric =
      colon != std::string_view::npos &&
      ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) == 1 &&
      std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port).ptr ==
          rest.data() + rest.size();
  if (!is_numeric) return absl::UnimplementedError("neither a unix socket nor a.b.c.d:port");
  to.sin_port = htons(port);
  return Connect(AF_INET, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
}

}  // namespace daemoneye::conformance
