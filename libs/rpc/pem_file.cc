#include "libs/rpc/pem_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "libs/base/text.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::rpc {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::string> ReadPemFile(std::string_view setting, const std::string& path) {
  if (path.empty()) return std::string();
  const auto bad = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        fmt::format("{}: cannot read {}: {}", setting, base::EscapeForTerminal(path), why));
  };
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) return bad(std::generic_category().message(errno));
  std::string text;
  char piece[4096];
  while (true) {
    const ssize_t count = ::read(fd.get(), piece, sizeof(piece));
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return bad(std::generic_category().message(errno));
    text.append(piece, static_cast<size_t>(count));
    if (text.size() > kMaxBytes) return bad("more than 1 MiB is no certificate and no key");
  }
  if (text.find("-----BEGIN ") == std::string::npos) return bad("there is no PEM in it");
  return text;
}

}  // namespace daemoneye::rpc
