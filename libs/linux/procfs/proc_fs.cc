#include "libs/linux/procfs/proc_fs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/linux/procfs/file_reader.h"
#include "libs/linux/procfs/kernel_stat_parser.h"
#include "libs/linux/procfs/small_parsers.h"
#include "libs/linux/procfs/stat_parser.h"
#include "libs/linux/procfs/status_parser.h"

namespace daemoneye::procfs {
namespace {

// The kernel's fixed inode of the first pid namespace (PROC_PID_INIT_INO, include/linux/proc_ns.h).
constexpr uint64_t kInitialPidNamespace = 0xEFFFFFFC;

std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// Inode of the pid namespace of the process in directory `process`, where it may be read.
std::optional<uint64_t> PidNamespaceOf(int root_fd, const std::string& process) {
  TextBuffer buffer(64);
  std::string_view target;
  if (ReadLinkAt(root_fd, (process + "/ns/pid").c_str(), buffer, target) != 0) return std::nullopt;
  const auto inode = ParseNamespaceLink("pid", target);
  return inode.ok() ? std::optional(*inode) : std::nullopt;
}

// Whether this procfs is of our own pid namespace, not of one above it.
bool IsOwnNamespace(int root_fd) {
  TextBuffer buffer(8192);
  std::string_view text;
  if (ReadFileAt(root_fd, "self/status", buffer, text) != 0) return false;
  const auto status = ParseStatus(text);
  return status.ok() && status->pid_namespace_depth == 0;
}

// Kernel threads live in the first pid namespace alone; the first that are made keep their pids.
bool IsInitialNamespace(int root_fd, int64_t page_bytes) {
  TextBuffer buffer(4096);
  std::string_view text;
  if (ReadFileAt(root_fd, "2/stat", buffer, text) != 0) return false;
  const auto stat = ParseStat(text, page_bytes);
  return stat.ok() && stat->ppid == 0 && stat->is_kernel_thread();
}

// Three ways, the first two open to anybody: we are in it ourselves; it is the first one; ask its
// process 1.
absl::StatusOr<uint64_t> FindPidNamespace(int root_fd, int64_t page_bytes) {
  if (IsOwnNamespace(root_fd)) {
    if (const auto inode = PidNamespaceOf(root_fd, "self")) return *inode;
  }
  if (IsInitialNamespace(root_fd, page_bytes)) return kInitialPidNamespace;
  if (const auto inode = PidNamespaceOf(root_fd, "1")) return *inode;
  return absl::FailedPreconditionError(
      "cannot tell the pid namespace of this procfs: it shows neither ourselves nor kernel "
      "threads, and its process 1 may not be looked at");
}

absl::Time ToTime(int clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return absl::TimeFromTimespec(now);
}

}  // namespace

absl::StatusOr<ProcFs> ProcFs::Open(const std::string& root) {
  ProcFs fs;
  fs.root_.Reset(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fs.root_.valid()) {
    return absl::FailedPreconditionError(
        fmt::format("no procfs at root={}: {}", root, Message(ErrnoStatus(errno, "open"))));
  }
  struct statfs file_system;
  fs.is_live_ =
      ::fstatfs(fs.root_.get(), &file_system) == 0 && file_system.f_type == PROC_SUPER_MAGIC;
  fs.ticks_per_second_ = ::sysconf(_SC_CLK_TCK);
  fs.page_bytes_ = ::sysconf(_SC_PAGESIZE);
  TextBuffer buffer(64);
  std::string_view text;
  if (const int error = ReadFileAt(fs.root_fd(), "sys/kernel/random/boot_id", buffer, text)) {
    return absl::FailedPreconditionError(
        fmt::format("no procfs at root={}: {}", root, Message(ErrnoStatus(error, "boot_id"))));
  }
  ASSIGN_OR_RETURN(fs.boot_id_, ParseBootId(text));
  ASSIGN_OR_RETURN(fs.pid_namespace_inode_, FindPidNamespace(fs.root_fd(), fs.page_bytes_));
  return fs;
}

absl::StatusOr<absl::Time> ProcFs::BootTime() const {
  if (is_live_) {
    // Time that passes between the two readings would make the boot seem later.
    const absl::Time before = ToTime(CLOCK_REALTIME);
    const absl::Time since_boot = ToTime(CLOCK_BOOTTIME);
    const absl::Time after = ToTime(CLOCK_REALTIME);
    return before + (after - before) / 2 - (since_boot - absl::UnixEpoch());
  }
  TextBuffer buffer(16'384);
  std::string_view text;
  if (const int error = ReadFileAt(root_fd(), "stat", buffer, text)) {
    return ErrnoStatus(error, "cannot read file=/stat");
  }
  ASSIGN_OR_RETURN(const KernelStat stat, ParseKernelStat(text));
  return absl::FromUnixSeconds(stat.boot_time_seconds);
}

absl::Duration ProcFs::TicksToDuration(uint64_t ticks) const {
  const auto per_second = static_cast<uint64_t>(ticks_per_second_);
  return absl::Seconds(ticks / per_second) +
         absl::Nanoseconds(ticks % per_second * 1'000'000'000 / per_second);
}

}  // namespace daemoneye::procfs
