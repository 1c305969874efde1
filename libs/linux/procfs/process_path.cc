#include "libs/linux/procfs/process_path.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "libs/base/unique_fd.h"

namespace daemoneye::procfs {
namespace {

int64_t Nanoseconds(const statx_timestamp& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; }

std::string ReadLinkText(int dir_fd, const char* name) {
  char text[PATH_MAX];
  const ssize_t n = ::readlinkat(dir_fd, name, text, sizeof text);
  return n < 0 ? std::string() : std::string(text, static_cast<size_t>(n));
}

bool HasOurMounts(int root_fd, int process_fd) {
  const std::string ours = ReadLinkText(root_fd, "self/ns/mnt");
  return !ours.empty() && ours == ReadLinkText(process_fd, "ns/mnt");
}

int OpenPath(int dir_fd, const std::string& path, uint64_t resolve, Lookup lookup,
             base::UniqueFd& out) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  if (lookup == Lookup::kCachedOnly) how.resolve |= RESOLVE_CACHED;
  const long fd = ::syscall(SYS_openat2, dir_fd, path.c_str(), &how, sizeof how);
  if (fd < 0) return errno;
  out.Reset(static_cast<int>(fd));
  return 0;
}

int OpenBelowItsRoot(int process_fd, const std::string& path, Lookup lookup, base::UniqueFd& out) {
  const std::string root_path = ReadLinkText(process_fd, "root");
  if (root_path.empty()) return errno;
  std::string below = path;
  if (root_path != "/") {  // a chroot: the links count from the top of the mount namespace
    if (!path.starts_with(root_path + "/")) return ENOENT;
    below = path.substr(root_path.size());
  }
  const base::UniqueFd root(::openat(process_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return errno;
  return OpenPath(root.get(), below, RESOLVE_IN_ROOT, lookup, out);
}

}  // namespace

int StatFile(int dir_fd, const char* name, FileIdentity& identity) {
  struct statx st;
  const int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | (*name == '\0' ? AT_EMPTY_PATH : 0);
  if (::statx(dir_fd, name, flags, STATX_BASIC_STATS, &st) < 0) return errno;
  identity.device = makedev(st.stx_dev_major, st.stx_dev_minor);
  identity.inode = st.stx_ino;
  identity.size_bytes = st.stx_size;
  identity.mtime_ns = Nanoseconds(st.stx_mtime);
  identity.ctime_ns = Nanoseconds(st.stx_ctime);
  identity.link_count = st.stx_nlink;
  identity.mode = st.stx_mode;
  identity.owner_uid = st.stx_uid;
  identity.owner_gid = st.stx_gid;
  return 0;
}

int StatProcessPath(int root_fd, int process_fd, const std::string& path, Lookup lookup,
                    FileIdentity& identity) {
  if (path.empty() || path[0] != '/') return EINVAL;
  base::UniqueFd file;
  const int error = HasOurMounts(root_fd, process_fd)
                        ? OpenPath(AT_FDCWD, path, 0, lookup, file)
                        : OpenBelowItsRoot(process_fd, path, lookup, file);
  return error != 0 ? error : StatFile(file.get(), "", identity);
}

}  // namespace daemoneye::procfs
