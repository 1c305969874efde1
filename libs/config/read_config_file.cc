#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "libs/base/text.h"
#include "libs/base/unique_fd.h"
#include "libs/config/config.h"

namespace daemoneye::config {
namespace {

absl::Status FileError(const std::string& path, int error) {
  const std::string message =
      fmt::format("{}: {}", base::EscapeForTerminal(path), std::generic_category().message(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

}  // namespace

absl::StatusOr<std::string> ReadConfigFile(const std::string& path, size_t max_bytes) {
  const base::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return FileError(path, errno);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return FileError(path, errno);
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: not a regular file", base::EscapeForTerminal(path)));
  }
  // One byte more than allowed, to see that there is more; the file may grow while it is read.
  std::string text(max_bytes + 1, '\0');
  size_t length = 0;
  while (length < text.size()) {
    const ssize_t count = read(fd.get(), text.data() + length, text.size() - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError(path, errno);
    if (count == 0) break;
    length += static_cast<size_t>(count);
  }
  if (length > max_bytes) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: longer than {} bytes", base::EscapeForTerminal(path), max_bytes));
  }
  text.resize(length);
  return text;
}

}  // namespace daemoneye::config
