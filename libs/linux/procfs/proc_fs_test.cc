#include "libs/linux/procfs/proc_fs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "libs/linux/procfs/fake_proc.h"
#include "libs/linux/procfs/kernel_stat_reader.h"

namespace daemoneye::procfs {
namespace {

using ::testing::HasSubstr;

TEST(ProcFsTest, KnowsTheMachine) {
  const auto fs = ProcFs::Open("/proc");
  ASSERT_TRUE(fs.ok()) << fs.status();
  EXPECT_TRUE(fs->is_live());
  EXPECT_EQ(fs->boot_id().size(), 36u);
  EXPECT_EQ(fs->ticks_per_second(), ::sysconf(_SC_CLK_TCK));
  struct stat own;
  ASSERT_EQ(::stat("/proc/self/ns/pid", &own), 0);
  EXPECT_EQ(fs->pid_namespace_inode(), own.st_ino);
}

TEST(ProcFsTest, BootTimeIsTheKernelsToAFractionOfASecond) {
  const auto fs = ProcFs::Open("/proc");
  const auto boot = fs->BootTime();
  const auto stat = KernelStatReader(*fs).Read();
  ASSERT_TRUE(boot.ok() && stat.ok());
  const absl::Time whole = absl::FromUnixSeconds(stat->boot_time_seconds);
  EXPECT_GE(*boot, whole - absl::Milliseconds(10));
  EXPECT_LE(*boot, whole + absl::Milliseconds(1010));
  EXPECT_LT(absl::AbsDuration(*fs->BootTime() - *boot), absl::Milliseconds(10));
}

TEST(ProcFsTest, TicksAreExact) {
  const auto fs = ProcFs::Open("/proc");
  const auto hz = static_cast<uint64_t>(fs->ticks_per_second());
  EXPECT_EQ(fs->TicksToDuration(hz * 1'000'000'000 + 1),
            absl::Seconds(1'000'000'000) + absl::Seconds(1) / static_cast<int64_t>(hz));
}

TEST(ProcFsTest, ForksAreCounted) {
  const auto fs = ProcFs::Open("/proc");
  KernelStatReader reader(*fs);
  const auto before = reader.Read();
  for (int i = 0; i < 5; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  }
  const auto after = reader.Read();
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_GE(after->processes_started_count - before->processes_started_count, 5u);
}

TEST(ProcFsTest, ARecordedTreeIsReadAlike) {
  FakeProc fake;
  const auto fs = ProcFs::Open(fake.root());
  ASSERT_TRUE(fs.ok()) << fs.status();
  EXPECT_FALSE(fs->is_live());
  EXPECT_EQ(fs->boot_id(), FakeProc::kBootId);
  EXPECT_EQ(fs->pid_namespace_inode(), FakeProc::kPidNamespace);
  EXPECT_EQ(*fs->BootTime(), absl::FromUnixSeconds(FakeProc::kBootTimeSeconds));
}

TEST(ProcFsTest, SaysWhatIsMissing) {
  FakeProc fake;
  EXPECT_EQ(ProcFs::Open(fake.root() + "/none").status().code(),
            absl::StatusCode::kFailedPrecondition);
  fake.WriteFile("sys/kernel/random/boot_id", "none\n");
  EXPECT_EQ(ProcFs::Open(fake.root()).status().code(), absl::StatusCode::kDataLoss);
  fake.RemovePath("sys");
  const auto fs = ProcFs::Open(fake.root());
  EXPECT_EQ(fs.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(fs.status().message()), HasSubstr("boot_id"));
}

class PidNamespaceTest : public ::testing::Test {
 protected:
  PidNamespaceTest() { fake_.WriteLink("self/ns/pid", "pid:[4026532999]"); }

  // We are in a namespace below the one of this procfs: our own inode is not the answer.
  void BeBelow() {
    fake_.WriteFile("self/status", "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nNSpid:\t77\t1\n");
  }
  FakeProc fake_;
};

TEST_F(PidNamespaceTest, IsOurOwnWhereWeHaveOnePidInIt) {
  EXPECT_EQ(ProcFs::Open(fake_.root())->pid_namespace_inode(), 4026532999u);
}

TEST_F(PidNamespaceTest, IsTheFirstOneWhereKernelThreadsAreShown) {
  BeBelow();
  fake_.Put({.pid = 2, .comm = "kthreadd", .ppid = 0, .flags = 0x00200000});
  EXPECT_EQ(ProcFs::Open(fake_.root())->pid_namespace_inode(), 0xEFFFFFFCu);
}

TEST_F(PidNamespaceTest, IsThatOfProcessOneElsewhere) {
  BeBelow();
  fake_.Put({.pid = 2, .comm = "kthreadd", .ppid = 1});
  fake_.Put({.pid = 1});
  fake_.WriteLink("1/ns/pid", "pid:[4026533333]");
  EXPECT_EQ(ProcFs::Open(fake_.root())->pid_namespace_inode(), 4026533333u);
}

TEST_F(PidNamespaceTest, IsNeverGuessed) {
  BeBelow();
  EXPECT_EQ(ProcFs::Open(fake_.root()).status().code(), absl::StatusCode::kFailedPrecondition);
  fake_.RemovePath("self");
  EXPECT_EQ(ProcFs::Open(fake_.root()).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace daemoneye::procfs
