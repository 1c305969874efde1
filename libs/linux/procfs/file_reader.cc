#include "libs/linux/procfs/file_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "libs/base/unique_fd.h"

namespace daemoneye::procfs {

bool TextBuffer::Grow(size_t kept_bytes) {
  if (bytes_ >= max_bytes_) return false;
  const size_t grown_bytes = std::min(bytes_ * 2, max_bytes_);
  auto grown = std::make_unique_for_overwrite<char[]>(grown_bytes);
  std::memcpy(grown.get(), data_.get(), kept_bytes);
  data_ = std::move(grown);
  bytes_ = grown_bytes;
  return true;
}

int ReadFileAt(int dir_fd, const char* path, TextBuffer& buffer, std::string_view& text) {
  const base::UniqueFd file(::openat(dir_fd, path, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno;
  size_t length = 0;
  while (true) {
    const ssize_t n = ::read(file.get(), buffer.data() + length, buffer.size() - length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    length += static_cast<size_t>(n);
    if (n == 0 || length < buffer.size()) break;
    if (!buffer.Grow(length)) break;
  }
  text = std::string_view(buffer.data(), length);
  return 0;
}

int ReadLinkAt(int dir_fd, const char* path, TextBuffer& buffer, std::string_view& target) {
  const ssize_t n = ::readlinkat(dir_fd, path, buffer.data(), buffer.size());
  if (n < 0) return errno;
  target = std::string_view(buffer.data(), static_cast<size_t>(n));
  return 0;
}

absl::Status ErrnoStatus(int error, std::string_view what) {
  const std::string message =
      fmt::format("{}: {}", what, std::error_code(error, std::generic_category()).message());
  switch (error) {
    case ENOENT:
    case ESRCH:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENAMETOOLONG:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace daemoneye::procfs
