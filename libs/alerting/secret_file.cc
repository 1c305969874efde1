#include "libs/alerting/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "libs/base/unique_fd.h"

namespace daemoneye::alerting {
namespace {

constexpr size_t kMaxSecretBytes = 4096;

}  // namespace

absl::StatusOr<std::string> ReadSecret(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found;
  if (!fd.valid() || ::fstat(fd.get(), &found) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("cannot read {}: {}", path, std::generic_category().message(errno)));
  }
  if ((found.st_mode & S_IRWXO) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} is open to every user: want mode 0600 or 0640", path));
  }
  std::string text(kMaxSecretBytes + 1, '\0');
  const ssize_t n = ::read(fd.get(), text.data(), text.size());
  if (n < 0) {
    return absl::InvalidArgumentError(
        fmt::format("cannot read {}: {}", path, std::generic_category().message(errno)));
  }
  text.resize(static_cast<size_t>(n));
  if (text.size() > kMaxSecretBytes) {
    return absl::InvalidArgumentError(
        fmt::format("{} holds more than {} bytes", path, kMaxSecretBytes));
  }
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string::npos) return absl::InvalidArgumentError(path + " is empty");
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

}  // namespace daemoneye::alerting
