#include "libs/linux/procfs/pid_lister.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "libs/linux/procfs/fake_proc.h"
#include "libs/linux/procfs/test_child.h"

namespace daemoneye::procfs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

TEST(PidListerTest, ListsNamesThatAreNumbersInOrder) {
  FakeProc fake;
  for (const pid_t pid : {300, 7, 4194304, 42}) fake.Put({.pid = pid});
  for (const char* name : {"0", "007", "5x", "+5", "99999999999999999999", "-3", "net"}) {
    fake.WriteFile(std::string(name) + "/stat", "");
  }
  const auto fs = ProcFs::Open(fake.root());
  ASSERT_TRUE(fs.ok()) << fs.status();
  auto lister = PidLister::Create(*fs);
  ASSERT_TRUE(lister.ok()) << lister.status();
  std::vector<pid_t> pids = {1, 2, 3};
  ASSERT_TRUE(lister->List(pids).ok());
  EXPECT_THAT(pids, ElementsAre(7, 42, 300, 4194304));
}

TEST(PidListerTest, ListsMoreThanABufferFull) {
  FakeProc fake;
  std::vector<pid_t> expected;
  for (pid_t pid = 1000; pid < 4000; ++pid) {
    fake.WriteFile(std::to_string(pid) + "/stat", "");
    expected.push_back(pid);
  }
  const auto fs = ProcFs::Open(fake.root());
  auto lister = PidLister::Create(*fs);
  std::vector<pid_t> pids;
  ASSERT_TRUE(lister->List(pids).ok());
  EXPECT_EQ(pids, expected);
}

TEST(PidListerTest, EachListIsOfNow) {
  const auto fs = ProcFs::Open("/proc");
  ASSERT_TRUE(fs.ok()) << fs.status();
  auto lister = PidLister::Create(*fs);
  ASSERT_TRUE(lister.ok()) << lister.status();
  std::vector<pid_t> pids;
  pid_t pid = 0;
  {
    TestChild child(TestChild::ProgramPath());
    pid = child.pid();
    ASSERT_TRUE(lister->List(pids).ok());
    EXPECT_THAT(pids, Contains(pid));
    EXPECT_THAT(pids, Contains(::getpid()));
  }
  ASSERT_TRUE(lister->List(pids).ok());
  EXPECT_THAT(pids, Not(Contains(pid)));
}

}  // namespace
}  // namespace daemoneye::procfs
