#include "libs/base/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <charconv>

#include "libs/base/text.h"

namespace daemoneye::base {
namespace {

constexpr size_t kMaxPathBytes = sizeof(sockaddr_un{}.sun_path) - 1;

// What would be right.
constexpr std::string_view kAny = "unix:///path or host:port";
constexpr std::string_view kTcp = "host:port, as 127.0.0.1:9464 or [::1]:9464";

absl::Status Bad(std::string_view text, std::string_view why, std::string_view want = kAny) {
  return absl::InvalidArgumentError(fmt::format("cannot listen on \"{}\": {}; want {}",
                                                EscapeForTerminal(text.substr(0, 200)), why, want));
}

absl::StatusOr<ListenAddress> ParseUnix(std::string_view text, std::string_view path) {
  // unix:///absolute is the URI form; unix://host/path would name a host.
  if (path.starts_with("//")) {
    path.remove_prefix(2);
    if (!path.starts_with('/')) return Bad(text, "a path behind unix:// starts with /");
  }
  if (path.empty() || path.ends_with('/')) return Bad(text, "no socket name");
  if (path.find('\0') != std::string_view::npos) return Bad(text, "a zero byte in the path");
  if (path.size() > kMaxPathBytes) {
    return Bad(text, fmt::format("the path has {} bytes, the kernel takes {}", path.size(),
                                 kMaxPathBytes));
  }
  return ListenAddress{.is_unix = true, .path = std::string(path)};
}

bool IsNumericHost(const std::string& host, bool is_ipv6) {
  if (host.find('\0') != std::string::npos) return false;  // where inet_pton(3) would stop
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(is_ipv6 ? AF_INET6 : AF_INET, host.c_str(), address) == 1;
}

absl::StatusOr<ListenAddress> ParseTcp(std::string_view text, std::string_view want) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Bad(text, "no port", want);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool is_ipv6 = host.starts_with('[') && host.ends_with(']');
  if (is_ipv6) host = host.substr(1, host.size() - 2);

  ListenAddress address{.host = std::string(host)};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) {
    return Bad(text, "the port is no number of 0..65535", want);
  }
  const bool is_local_name = !is_ipv6 && address.host == "localhost";
  if (!is_local_name && !IsNumericHost(address.host, is_ipv6)) {
    return Bad(text, "the host is no numeric address", want);
  }
  return address;
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  if (text.starts_with("unix:")) return ParseUnix(text, text.substr(5));
  return ParseTcp(text, kAny);
}

absl::StatusOr<ListenAddress> ParseTcpListenAddress(std::string_view text) {
  if (text.starts_with("unix:")) return Bad(text, "a unix socket is not reached by TCP", kTcp);
  return ParseTcp(text, kTcp);
}

bool ListenAddress::is_loopback() const {
  return is_unix || host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string ListenAddress::ToString() const {
  if (is_unix) return (path.starts_with('/') ? "unix://" : "unix:") + path;
  return is_ipv6() ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace daemoneye::base
