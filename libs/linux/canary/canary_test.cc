#include "libs/linux/canary/canary.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/time/clock.h"

namespace daemoneye::canary {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

// The descriptor of this process that is the canary's program.
int ProgramFd() {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.find("memfd:daemoneye-canary") != target.npos) {
      return std::stoi(entry.path().filename());
    }
  }
  return -1;
}

TEST(CanaryTest, IsAChildThatEndsAndIsReapedByItsPid) {
  const auto canary = Canary::Create();
  ASSERT_TRUE(canary.ok()) << canary.status();
  for (int i = 0; i < 3; ++i) {
    const auto pid = (*canary)->Spawn();
    ASSERT_TRUE(pid.ok()) << pid.status();
    EXPECT_EQ((*canary)->Reap(kPatience), absl::OkStatus());
    EXPECT_EQ(::waitpid(static_cast<pid_t>(*pid), nullptr, 0), -1);
    EXPECT_EQ(errno, ECHILD);
  }
}

TEST(CanaryTest, KeepsItsPidUntilItIsReaped) {
  const auto canary = Canary::Create();
  ASSERT_TRUE(canary.ok()) << canary.status();
  const auto pid = (*canary)->Spawn();
  ASSERT_TRUE(pid.ok()) << pid.status();
  EXPECT_EQ((*canary)->Spawn().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(::kill(static_cast<pid_t>(*pid), 0), 0);
  EXPECT_EQ((*canary)->Reap(kPatience), absl::OkStatus());
  EXPECT_EQ((*canary)->Reap(kPatience), absl::OkStatus()) << "none is there";
}

TEST(CanaryTest, LeavesOtherChildrenAlone) {
  const auto canary = Canary::Create();
  ASSERT_TRUE(canary.ok()) << canary.status();
  const pid_t other = ::fork();
  if (other == 0) ::_exit(7);
  ASSERT_TRUE((*canary)->Spawn().ok());
  EXPECT_EQ((*canary)->Reap(kPatience), absl::OkStatus());
  int status = 0;
  EXPECT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(CanaryTest, ItsProgramIsSealed) {
  const auto canary = Canary::Create();
  ASSERT_TRUE(canary.ok()) << canary.status();
  const int fd = ProgramFd();
  ASSERT_GE(fd, 0);
  EXPECT_EQ(::write(fd, "x", 1), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(fd, 0), -1);
  EXPECT_EQ(::fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_LE(std::filesystem::file_size("/proc/self/fd/" + std::to_string(fd)), 16'384u);
}

TEST(CanaryTest, CanBeReapedWhereChildrenWereIgnored) {
  ::signal(SIGCHLD, SIG_IGN);
  const auto canary = Canary::Create();
  ASSERT_TRUE(canary.ok()) << canary.status();
  const auto pid = (*canary)->Spawn();
  ASSERT_TRUE(pid.ok()) << pid.status();
  EXPECT_EQ(::kill(static_cast<pid_t>(*pid), 0), 0) << "the kernel reaped it";
  EXPECT_EQ((*canary)->Reap(kPatience), absl::OkStatus());
}

TEST(CanaryTest, CostsLittle) {
  const auto canary = Canary::Create();
  ASSERT_TRUE(canary.ok()) << canary.status();
  constexpr int kTimes = 200;
  const absl::Time begin = absl::Now();
  for (int i = 0; i < kTimes; ++i) {
    ASSERT_TRUE((*canary)->Spawn().ok());
    ASSERT_TRUE((*canary)->Reap(kPatience).ok());
  }
  const absl::Duration each = (absl::Now() - begin) / kTimes;
  RecordProperty("microseconds", std::to_string(absl::ToDoubleMicroseconds(each)));
  std::printf("a canary takes %s\n", absl::FormatDuration(each).c_str());
  EXPECT_LT(each, absl::Milliseconds(100)) << "it is started by copying memory, or waited for";
}

}  // namespace
}  // namespace daemoneye::canary
