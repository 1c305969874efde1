#include "libs/rpc/socket_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "libs/base/unique_fd.h"

namespace daemoneye::rpc {
namespace {

using ::testing::HasSubstr;

class SocketPathTest : public ::testing::Test {
 protected:
  SocketPathTest() {
    char name[] = "/tmp/socket_path.XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~SocketPathTest() override { std::filesystem::remove_all(directory_); }

  static base::UniqueFd Listen(const std::string& path) {
    base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address = {.sun_family = AF_UNIX};
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd.get(), 4), 0);
    return fd;
  }

  std::filesystem::path directory_;
};

TEST_F(SocketPathTest, MakesTheDirectoryThatIsMissing) {
  EXPECT_TRUE(PrepareSocketPath(directory_ / "run" / "x.sock").ok());
  EXPECT_TRUE(std::filesystem::is_directory(directory_ / "run"));
}

TEST_F(SocketPathTest, RemovesAStaleSocketAndRefusesALiveOne) {
  const std::string path = directory_ / "x.sock";
  base::UniqueFd listener = Listen(path);
  const absl::Status busy = PrepareSocketPath(path);
  EXPECT_EQ(busy.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(busy.message()), HasSubstr("another process answers there"));
  EXPECT_TRUE(std::filesystem::exists(path));

  listener.Reset();
  EXPECT_TRUE(PrepareSocketPath(path).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SocketPathTest, LeavesAFileThatIsNoSocketAlone) {
  const std::string path = directory_ / "x.sock";
  std::ofstream(path) << "precious";
  EXPECT_EQ(PrepareSocketPath(path).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(SocketPathTest, RefusesADirectoryThatOthersCanWriteTo) {
  ::chmod(directory_.c_str(), 0777);
  const absl::Status status = PrepareSocketPath(directory_ / "x.sock");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("everybody can write"));
}

TEST_F(SocketPathTest, RefusesADirectoryOfSomebodyElse) {
  if (::chown(directory_.c_str(), 65534, 65534) != 0) GTEST_SKIP() << "only root can give away";
  EXPECT_THAT(std::string(PrepareSocketPath(directory_ / "x.sock").message()),
              HasSubstr("belongs to uid 65534"));
}

TEST_F(SocketPathTest, RefusesADirectoryThatIsAFile) {
  std::ofstream(directory_ / "file") << "x";
  EXPECT_EQ(PrepareSocketPath(directory_ / "file" / "x.sock").code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(SocketPathTest, BusyPortIsOneSentence) {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd.get(), 1), 0);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const base::ListenAddress busy = {.host = "127.0.0.1", .port = ntohs(address.sin_port)};
  const absl::Status status = CheckPortIsFree(busy);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another process has this port"));
  EXPECT_TRUE(CheckPortIsFree({.host = "127.0.0.1", .port = 0}).ok());
}

TEST_F(SocketPathTest, UmaskIsSetForAScope) {
  const mode_t before = ::umask(022);
  {
    const ScopedUmask scoped(0117);
    EXPECT_EQ(::umask(0117), 0117u);
  }
  EXPECT_EQ(::umask(before), 022u);
}

}  // namespace
}  // namespace daemoneye::rpc
