#include "libs/linux/procfs/pid_lister.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "libs/linux/procfs/file_reader.h"

namespace daemoneye::procfs {
namespace {

constexpr size_t kBufferBytes = 32'768;

// The pid that a directory is named for; 0 for any other name.
pid_t PidOfName(std::string_view name) {
  if (name.empty() || name[0] < '1' || name[0] > '9') return 0;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc() && end == name.data() + name.size() ? pid : 0;
}

}  // namespace

PidLister::PidLister(base::UniqueFd dir)
    : dir_(std::move(dir)), buffer_(std::make_unique_for_overwrite<char[]>(kBufferBytes)) {}

absl::StatusOr<PidLister> PidLister::Create(const ProcFs& fs) {
  // Of its own, since the position in a directory belongs to the descriptor.
  base::UniqueFd dir(::openat(fs.root_fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.valid()) return ErrnoStatus(errno, "cannot open the procfs directory");
  return PidLister(std::move(dir));
}

absl::Status PidLister::List(std::vector<pid_t>& pids) {
  pids.clear();
  if (::lseek(dir_.get(), 0, SEEK_SET) < 0) return ErrnoStatus(errno, "cannot rewind the procfs");
  while (true) {
    const ssize_t n = ::getdents64(dir_.get(), buffer_.get(), kBufferBytes);
    if (n < 0) return ErrnoStatus(errno, "cannot list the procfs");
    if (n == 0) break;
    for (ssize_t at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer_.get() + at);
      at += entry->d_reclen;
      if (const pid_t pid = PidOfName(entry->d_name)) pids.push_back(pid);
    }
  }
  // The kernel gives them in order; a recorded tree need not.
  if (!std::is_sorted(pids.begin(), pids.end())) std::sort(pids.begin(), pids.end());
  return absl::OkStatus();
}

}  // namespace daemoneye::procfs
