#include "libs/sources/process/package_database.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "libs/base/unique_fd.h"

namespace daemoneye::process {
namespace {

// From the unpacking of a package's first file to that of its list and its last.
constexpr int64_t kUnpackNs = 15ll * 60 * 1'000'000'000;

bool ChangedClose(const std::string& file, int64_t ctime_ns) {
  struct stat status;
  if (::stat(file.c_str(), &status) != 0) return false;
  const int64_t mtime_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  return std::llabs(mtime_ns - ctime_ns) <= kUnpackNs;
}

bool NamesPath(const std::string& list, std::string_view path, std::string_view alias) {
  std::ifstream file(list);
  std::string line;
  while (std::getline(file, line)) {
    if (line == path || (!alias.empty() && line == alias)) return true;
  }
  return false;
}

}  // namespace

bool PackageDatabase::Placed(std::string_view path, const procfs::FileIdentity& file) const {
  if (file.owner_uid != 0 || !path.starts_with('/')) return false;
  return PlacedByDpkg(path, file.ctime_ns) || PlacedByOther(path, file.ctime_ns);
}

bool PackageDatabase::IsBusy() const {
  const base::UniqueFd file(
      ::open((root_ + "/var/lib/dpkg/lock").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return file.valid() && ::fcntl(file.get(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool PackageDatabase::PlacedByDpkg(std::string_view path, int64_t ctime_ns) const {
  // With /bin a link to /usr/bin, a package may name the file by either.
  const std::string_view alias = path.starts_with("/usr/") ? path.substr(4) : std::string_view();
  std::error_code error;
  std::filesystem::directory_iterator at(root_ + "/var/lib/dpkg/info", error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().string();
    if (!name.ends_with(".list") || !ChangedClose(name, ctime_ns)) continue;
    if (NamesPath(name, path, alias)) return true;
  }
  return false;
}

bool PackageDatabase::PlacedByOther(std::string_view path, int64_t ctime_ns) const {
  constexpr std::array<const char*, 5> kDatabases = {
      "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages",
      "/lib/apk/db/installed", "/var/lib/pacman/local"};
  if (!path.starts_with("/usr/") && !path.starts_with("/bin/") && !path.starts_with("/sbin/") &&
      !path.starts_with("/lib")) {
    return false;
  }
  for (const char* database : kDatabases) {
    if (ChangedClose(root_ + database, ctime_ns)) return true;
  }
  return false;
}

}  // namespace daemoneye::process
