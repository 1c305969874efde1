#include "services/collector_gateway/monitor_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "fmt/format.h"
#include "libs/base/status_macros.h"

namespace daemoneye::gateway {
namespace {

// sun_path holds 108 bytes with the terminating zero (unix(7)).
constexpr size_t kMaxUnixPath = 107;

absl::Status Invalid(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(
      fmt::format("\"{}\": {}; use unix:///path, host:port or dns:///name:port", text, what));
}

absl::Status SplitHostPort(std::string_view text, std::string_view host_port,
                           MonitorAddress& address) {
  const size_t colon = host_port.rfind(':');
  if (colon == std::string_view::npos) return Invalid(text, "has no port");
  const std::string_view host = host_port.substr(0, colon);
  const std::string_view port = host_port.substr(colon + 1);
  if (host.empty()) return Invalid(text, "has no host");
  if (host.find(':') != std::string_view::npos && (host.front() != '[' || host.back() != ']')) {
    return Invalid(text, "an IPv6 address stands in brackets");
  }
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535) {
    return Invalid(text, "the port is not a number from 1 to 65535");
  }
  address.host = host;
  address.port = port;
  address.is_tcp = true;
  return absl::OkStatus();
}

absl::StatusOr<MonitorAddress> Parse(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return Invalid(text, "is empty");
  text = text.substr(first, text.find_last_not_of(" \t") - first + 1);
  MonitorAddress address;
  address.text = text;
  if (text.starts_with("unix:")) {
    std::string_view path = text.substr(5);
    if (path.starts_with("//")) path.remove_prefix(2);
    if (!path.starts_with('/')) return Invalid(text, "the socket's path is not absolute");
    if (path.size() > kMaxUnixPath) {
      return Invalid(text, fmt::format("the socket's path has {} bytes, the kernel takes {}",
                                       path.size(), kMaxUnixPath));
    }
    return address;
  }
  if (text.starts_with("dns:///")) {
    address.is_resolved = true;
    RETURN_IF_ERROR(SplitHostPort(text, text.substr(7), address));
    return address;
  }
  if (text.find("//") != std::string_view::npos) return Invalid(text, "unknown scheme");
  RETURN_IF_ERROR(SplitHostPort(text, text, address));
  return address;
}

}  // namespace

absl::StatusOr<MonitorAddress> ParseMonitorAddress(std::string_view text, std::string_view key) {
  absl::StatusOr<MonitorAddress> address = Parse(text);
  if (address.ok()) return address;
  return absl::InvalidArgumentError(
      fmt::format("{}: {}", key, std::string(address.status().message())));
}

absl::StatusOr<std::vector<std::string>> ResolveMonitorAddress(const MonitorAddress& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(fmt::format("{}: {}", address.text, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  std::vector<std::string> targets;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    char text[INET6_ADDRSTRLEN];
    if (a->ai_family == AF_INET) {
      inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(a->ai_addr)->sin_addr, text, sizeof(text));
      targets.push_back(fmt::format("ipv4:{}:{}", text, address.port));
    } else if (a->ai_family == AF_INET6) {
      inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(a->ai_addr)->sin6_addr, text,
                sizeof(text));
      targets.push_back(fmt::format("ipv6:[{}]:{}", text, address.port));
    }
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  return targets;
}

}  // namespace daemoneye::gateway
