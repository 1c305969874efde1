#include "libs/sources/process/package_database.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "libs/base/unique_fd.h"

namespace daemoneye::process {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

class PackageDatabaseTest : public testing::Test {
 protected:
  PackageDatabaseTest() {
    std::filesystem::remove_all(root_);
    Write("/var/lib/dpkg/info/daemon.list", "/.\n/usr\n/usr/sbin\n/usr/sbin/daemon\n/bin/tool\n");
    Write("/var/lib/dpkg/lock", "");
    struct stat status;
    ::stat((root_ + "/var/lib/dpkg/info/daemon.list").c_str(), &status);
    unpacked_ns_ = status.st_mtim.tv_sec * kSecondNs;
  }
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  procfs::FileIdentity File(int64_t ctime_ns, uint32_t owner_uid = 0) const {
    return {.inode = 1, .ctime_ns = ctime_ns, .owner_uid = owner_uid};
  }

  const std::string root_ = std::string(std::getenv("TEST_TMPDIR")) + "/root";
  const PackageDatabase database_{root_};
  int64_t unpacked_ns_ = 0;
};

TEST_F(PackageDatabaseTest, KnowsWhatAPackagePutThereJustThen) {
  EXPECT_TRUE(database_.Placed("/usr/sbin/daemon", File(unpacked_ns_ - 60 * kSecondNs)));
  EXPECT_TRUE(database_.Placed("/usr/bin/tool", File(unpacked_ns_))) << "where /bin is a link";
}

TEST_F(PackageDatabaseTest, DoesNotKnowOtherFilesOrOtherTimes) {
  EXPECT_FALSE(database_.Placed("/usr/sbin/other", File(unpacked_ns_)));
  EXPECT_FALSE(database_.Placed("/usr/sbin/daemon", File(unpacked_ns_ + 3600 * kSecondNs)));
  EXPECT_FALSE(database_.Placed("/usr/sbin/daemon", File(unpacked_ns_, 1000))) << "not root's";
  EXPECT_FALSE(PackageDatabase(root_ + "/none").Placed("/usr/sbin/daemon", File(unpacked_ns_)));
}

TEST_F(PackageDatabaseTest, SeesThatDpkgIsAtWork) {
  EXPECT_FALSE(database_.IsBusy());
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const int fd = ::open((root_ + "/var/lib/dpkg/lock").c_str(), O_RDWR);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd, F_SETLK, &lock) == 0) static_cast<void>(!::write(ready[1], "r", 1));
    while (true) ::pause();
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_TRUE(database_.IsBusy());
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_FALSE(database_.IsBusy());
}

}  // namespace
}  // namespace daemoneye::process
