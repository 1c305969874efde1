#include "libs/rpc/socket_path.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include "libs/base/status_macros.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::rpc {
namespace {

std::string ErrnoText(int error) { return std::generic_category().message(error); }

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status CheckDirectory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return absl::FailedPreconditionError(
        fmt::format("cannot make the socket's directory {}: {}", directory, ErrnoText(errno)));
  }
  struct stat status = {};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return absl::FailedPreconditionError(
        fmt::format("cannot put a socket into {}: it is no directory", directory));
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return absl::FailedPreconditionError(
        fmt::format("cannot put a socket into {}: it belongs to uid {}, who could replace it",
                    directory, status.st_uid));
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("cannot put a socket into {}: everybody can write there", directory));
  }
  return absl::OkStatus();
}

// Whether somebody answers on the socket.
bool IsAlive(const std::string& path) {
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address = {.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return true;
  // A full backlog is somebody, too.
  return errno != ECONNREFUSED;
}

absl::Status BindOnce(const addrinfo& info, const base::ListenAddress& address) {
  const base::UniqueFd fd(::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (!fd.valid() || ::bind(fd.get(), info.ai_addr, info.ai_addrlen) != 0 ||
      ::listen(fd.get(), 1) != 0) {
    const int error = errno;
    const std::string text = fmt::format(
        "cannot listen on {}: {}", address.ToString(),
        error == EADDRINUSE ? std::string("another process has this port") : ErrnoText(error));
    return error == EADDRINUSE ? absl::AlreadyExistsError(text) : absl::UnavailableError(text);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PrepareSocketPath(const std::string& path) {
  RETURN_IF_ERROR(CheckDirectory(DirectoryOf(path)));
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::FailedPreconditionError(
        fmt::format("cannot look at {}: {}", path, ErrnoText(errno)));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return absl::FailedPreconditionError(
        fmt::format("cannot listen on {}: a file that is no socket stands there", path));
  }
  if (IsAlive(path)) {
    return absl::AlreadyExistsError(
        fmt::format("cannot listen on unix://{}: another process answers there", path));
  }
  if (::unlink(path.c_str()) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("cannot remove the stale socket {}: {}", path, ErrnoText(errno)));
  }
  return absl::OkStatus();
}

absl::Status CheckPortIsFree(const base::ListenAddress& address) {
  const addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  if (::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0) {
    return absl::UnavailableError(
        fmt::format("cannot listen on {}: no such address", address.ToString()));
  }
  const absl::Status status = BindOnce(*found, address);
  ::freeaddrinfo(found);
  return status;
}

ScopedUmask::ScopedUmask(mode_t mask) : previous_(::umask(mask)) {}
ScopedUmask::~ScopedUmask() { ::umask(previous_); }

}  // namespace daemoneye::rpc
