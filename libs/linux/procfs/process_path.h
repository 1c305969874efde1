// What stands at a path in the mount namespace of a process: the one lookup of outside paths.
#pragma once

#include <string>

#include "libs/linux/procfs/proc_links.h"

namespace daemoneye::procfs {

enum class Lookup {
  kMayBlock,
  // Only what is in the kernel's cache, so that no FUSE or network server is asked: EAGAIN when
  // that does not tell. The path of a file that is in use and not deleted is in the cache.
  kCachedOnly,
};

// Looks up `path`, as a link of the process's directory `process_fd` gave it; `root_fd` is the
// procfs. Where the process has our own mount namespace that is from our root, which such links
// count from; else below its root, out of which no symbolic link leads. Returns 0 or an errno.
int StatProcessPath(int root_fd, int process_fd, const std::string& path, Lookup lookup,
                    FileIdentity& identity);

// The file that `name` below `dir_fd` leads to, without asking a server for fresh attributes. With
// an empty name `dir_fd` itself. Returns 0 or an errno.
int StatFile(int dir_fd, const char* name, FileIdentity& identity);

}  // namespace daemoneye::procfs
