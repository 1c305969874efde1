// PackageDatabase: tells whether a package manager put a file where it stands.
//
// dpkg writes /var/lib/dpkg/info/PACKAGE.list when it unpacks: a file whose change time (which
// nobody sets) lies close to that of a list which names it came from there. rpm, apk and pacman
// keep one database for all: for them it is close to the last change of that, in a directory of the
// system's. Whoever may write there is root: this tells routine from odd, not friend from foe.
//
// Threads:    any.
// Cost:       a listing of the directory, and the few lists of that time: some milliseconds. For
//             files that were replaced, not for each process.
#pragma once

#include <string>
#include <string_view>

#include "libs/linux/procfs/proc_links.h"

namespace daemoneye::process {

class PackageDatabase {
 public:
  // `root` is "" for this host, or another tree without a slash at its end.
  explicit PackageDatabase(std::string root = "") : root_(std::move(root)) {}

  // True when the file at `path`, which is `file`, came from a package.
  bool Placed(std::string_view path, const procfs::FileIdentity& file) const;

  // True while dpkg is at work: what it has placed may not be in its lists yet.
  bool IsBusy() const;

 private:
  bool PlacedByDpkg(std::string_view path, int64_t ctime_ns) const;
  bool PlacedByOther(std::string_view path, int64_t ctime_ns) const;

  const std::string root_;
};

}  // namespace daemoneye::process
