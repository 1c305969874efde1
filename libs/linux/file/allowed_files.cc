#include "libs/linux/file/allowed_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "libs/linux/procfs/file_reader.h"

namespace daemoneye::file {
namespace {

constexpr int kLook = O_PATH | O_CLOEXEC;
constexpr int kRead = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

int OpenAt2(int dir_fd, const std::string& path, int flags, uint64_t resolve, base::UniqueFd& out) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = resolve;
  const long fd = ::syscall(SYS_openat2, dir_fd, path.c_str(), &how, sizeof how);
  if (fd < 0) return errno;
  out.Reset(static_cast<int>(fd));
  return 0;
}

bool HasOpenAt2() {
  base::UniqueFd root;
  // EPERM: a filter of system calls that does not know it.
  const int error = OpenAt2(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, root);
  return error != ENOSYS && error != EPERM;
}

bool HasParentElement(std::string_view path) {
  return fmt::format("/{}/", path).find("/../") != std::string::npos;
}

// What openat2(2) does with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, for a path without "..".
int OpenStepwise(int root_fd, std::string_view below, int flags, base::UniqueFd& out) {
  base::UniqueFd directory;
  int at = root_fd;
  while (true) {
    const size_t end = below.find('/');
    const std::string element(below.substr(0, end));
    const bool is_last = end == std::string_view::npos;
    if (is_last) {
      out.Reset(::openat(at, element.c_str(), flags | O_NOFOLLOW));
      return out.valid() ? 0 : errno;
    }
    below.remove_prefix(end + 1);
    if (element.empty()) continue;
    base::UniqueFd next(
        ::openat(at, element.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid()) return errno;
    directory = std::move(next);
    at = directory.get();
  }
}

// Files of the kernel's own have no content that could be hashed, and reading some changes it.
bool IsKernelsOwn(int fd) {
  struct statfs fs;
  if (::fstatfs(fd, &fs) != 0) return true;
  constexpr int64_t kOwn[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC};
  return std::ranges::count(kOwn, static_cast<int64_t>(fs.f_type)) > 0;
}

// Sets `st` where it is a regular file that is no kernel's own.
bool IsRegular(int fd, struct stat& st) {
  return ::fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !IsKernelsOwn(fd);
}

absl::Status Refusal(int error) {
  if (error == EMFILE || error == ENFILE || error == ENOMEM) {
    return procfs::ErrnoStatus(error, "cannot open a file");
  }
  return NoSuchTarget();
}

}  // namespace

absl::Status NoSuchTarget() {
  return absl::NotFoundError("there is no such target, or none that may be looked at");
}

AllowedFiles::AllowedFiles(std::vector<std::string> roots, Resolution resolution)
    : roots_(std::move(roots)), is_stepwise_(resolution == Resolution::kStepwise || !HasOpenAt2()) {
  for (std::string& root : roots_) {
    while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  }
  // The longest first: a root below another one may be a mount of its own.
  std::ranges::sort(roots_, std::ranges::greater(), &std::string::size);
}

absl::Status AllowedFiles::CheckRoot(const std::string& root) {
  if (!root.starts_with('/')) {
    return absl::InvalidArgumentError(fmt::format("{} is no absolute path", root));
  }
  if (HasParentElement(root)) {
    return absl::InvalidArgumentError(fmt::format("{} must not have \"..\" elements", root));
  }
  return absl::OkStatus();
}

int AllowedFiles::OpenBelow(int root_fd, const std::string& below, int flags,
                            base::UniqueFd& out) const {
  if (is_stepwise_) return OpenStepwise(root_fd, below, flags, out);
  constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return OpenAt2(root_fd, below, flags, kResolve, out);
}

absl::StatusOr<base::UniqueFd> AllowedFiles::Open(const std::string& path) const {
  if (path.find('\0') != std::string::npos || HasParentElement(path)) return NoSuchTarget();
  const auto root = std::ranges::find_if(roots_, [&path](const std::string& r) {
    return r == "/" ? path.starts_with('/') : path.starts_with(r + "/");
  });
  if (root == roots_.end()) return NoSuchTarget();
  std::string below = path.substr(*root == "/" ? 1 : root->size() + 1);
  below.erase(0, below.find_first_not_of('/'));
  if (below.empty()) return NoSuchTarget();
  const base::UniqueFd root_fd(::open(root->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_fd.valid()) return Refusal(errno);
  // Looked at first: opening a FIFO or a device can do something to it.
  base::UniqueFd look;
  struct stat seen, opened;
  int error = OpenBelow(root_fd.get(), below, kLook, look);
  if (error != 0) return Refusal(error);
  if (!IsRegular(look.get(), seen)) return NoSuchTarget();
  base::UniqueFd file;
  error = OpenBelow(root_fd.get(), below, kRead, file);
  if (error != 0) return Refusal(error);
  if (!IsRegular(file.get(), opened)) return NoSuchTarget();
  return file;
}

}  // namespace daemoneye::file
