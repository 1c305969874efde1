// What the links and the small files of /proc/PID say: executable, command line, namespaces.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <string_view>

#include "libs/base/unique_fd.h"

namespace daemoneye::procfs {

// Views are of the reader's buffer: see ProcessReader.

struct ExeLink {
  // Canonical path of the image as the kernel tells it (as the mount namespace of the process names
  // it), without " (deleted)". Empty: it has no image (kernel thread, zombie).
  std::string_view path;
  // The file of the image is no longer at `path`: removed, or another one renamed over it.
  bool is_deleted = false;
  // An image of memfd_create(2); `path` is "/memfd:NAME".
  bool is_memfd = false;

  bool has_image() const { return !path.empty(); }
};

struct Cmdline {
  // The arguments, each ended by a NUL, or what the process wrote over them: see SplitCmdline().
  // At most kMaxCmdlineBytes. Empty: kernel thread, zombie, or a process that wiped it.
  std::string_view bytes;
  // What the kernel holds, also beyond `bytes`.
  uint64_t total_bytes = 0;

  bool is_truncated() const { return total_bytes > bytes.size(); }
};

// Inode numbers; absent where there is none (a zombie has no network namespace any more) or this
// kernel has no such kind.
struct NamespaceInodes {
  std::optional<uint64_t> cgroup;
  std::optional<uint64_t> ipc;
  std::optional<uint64_t> mnt;
  std::optional<uint64_t> net;
  std::optional<uint64_t> pid;
  std::optional<uint64_t> time;
  std::optional<uint64_t> user;
  std::optional<uint64_t> uts;

  friend bool operator==(const NamespaceInodes&, const NamespaceInodes&) = default;
};

// What tells one file, and one content of it, from another.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  uint32_t link_count = 0;
  // File type and permission bits, st_mode.
  uint32_t mode = 0;
  uint32_t owner_uid = 0;
  uint32_t owner_gid = 0;

  bool is_same_file(const FileIdentity& o) const { return device == o.device && inode == o.inode; }
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// The image itself, open for reading, whatever stands at its path now.
struct ImageFile {
  base::UniqueFd fd;
  FileIdentity identity;
};

}  // namespace daemoneye::procfs
