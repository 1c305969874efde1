#include "services/collector_gateway/webhook_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace daemoneye::gateway {
namespace {

absl::Status Bad(std::string_view why) { return absl::InvalidArgumentError(std::string(why)); }

// "host", "1.2.3.4" or "[::1]" of "host:port/path"; empty: none.
std::string_view HostOf(std::string_view rest) {
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    return end == std::string_view::npos ? std::string_view() : authority.substr(0, end + 1);
  }
  return authority.substr(0, authority.find(':'));
}

bool IsThisMachine(std::string_view host) {
  const bool is_ipv4 =
      host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
  return is_ipv4 || host == "localhost" || host == "[::1]";
}

}  // namespace

absl::Status CheckWebhookUrl(std::string_view url) {
  if (url.size() > kMaxUrlBytes) return Bad(fmt::format("is longer than {} bytes", kMaxUrlBytes));
  if (!std::ranges::all_of(url, [](char c) { return c > ' ' && c < '\x7f' && c != '\\'; })) {
    return Bad("want visible ASCII characters alone");
  }
  const bool is_https = url.starts_with("https://");
  if (!is_https && !url.starts_with("http://")) return Bad("want https://host/path");
  const std::string_view rest = url.substr(is_https ? 8 : 7);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) {
    return Bad("holds a user: want secrets in files of their own");
  }
  if (rest.find('#') != std::string_view::npos) return Bad("holds a fragment");
  const std::string_view host = HostOf(rest);
  if (host.empty()) return Bad("holds no host");
  if (!is_https && !IsThisMachine(host)) {
    return Bad("http is in clear text, and goes to this machine alone: want https");
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::gateway
