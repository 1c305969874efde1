// What the source tells of odd lives. Skipped, aloud, for others than root.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "libs/sources/process/exec_source.h"
#include "libs/sources/process/live_source_fixture.h"
#include "libs/sources/process/scan_source.h"

namespace daemoneye::process {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class ExecSourceTest : public LiveSourceTest {
 protected:
  void SetUp() override {
    LiveSourceTest::SetUp();
    if (IsSkipped()) return;
    const absl::Status started = source_.Start(sink_);
    if (absl::IsPermissionDenied(started) || absl::IsUnimplemented(started)) {
      GTEST_SKIP() << started;
    }
    ASSERT_TRUE(started.ok()) << started;
    // As ever a scan has been before, so that the cgroup of the children is known.
    ASSERT_EQ(scan_.Start(sink_), absl::OkStatus());
    scan_.Stop();
  }
  void TearDown() override {
    LiveSourceTest::TearDown();
    source_.Stop();
  }
  std::vector<v1::CollectionEvent> EventsOf(pid_t pid) { return Told(source_, pid); }
  // The events of a child that runs `body` to its end: START, EXEC and STOP of one process.
  std::vector<v1::CollectionEvent> LifeOf(const std::function<int()>& body) {
    const pid_t pid = StartChild(body);
    WaitFor(pid);
    auto events = EventsOf(pid);
    EXPECT_THAT(Actions(events), ElementsAre("START", "EXEC", "STOP"));
    if (events.size() != 3) events.resize(3);
    for (const auto& event : events) {
      EXPECT_EQ(event.process().process_key(), events[0].process().process_key());
    }
    EXPECT_FALSE(events[1].process().details_missing());
    return events;
  }

  ExecSource source_{tracker_, size_t{8} << 20, clock_};
  ScanSource scan_{tracker_, ScanSource::Reader::kAuto, clock_};
};

TEST_F(ExecSourceTest, APidUsedAgainIsAnotherProcess) {
  const pid_t pid = StartChild([] { return Exec({"/bin/true", "first"}); });
  WaitFor(pid);
  // An identity is as exact as the kernel's clock tick, of which both must not begin in one.
  clock_.SleepFor(absl::Milliseconds(30), {});
  pid_t again = 0;
  // Others of the machine may take it first.
  for (int i = 0; i < 1000 && again != pid; ++i) {
    std::ofstream("/proc/sys/kernel/ns_last_pid") << pid - 1;
    again = StartChild([] { return Exec({"/bin/true", "second"}); });
    WaitFor(again);
  }
  if (again != pid) GTEST_SKIP() << "pid " << pid << " was not to be had again";
  const auto events = EventsOf(pid);
  ASSERT_THAT(Actions(events), ElementsAre("START", "EXEC", "STOP", "START", "EXEC", "STOP"));
  const std::string first = events[0].process().process_key();
  const std::string second = events[3].process().process_key();
  EXPECT_NE(first, second);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].process().process_key(), i < 3 ? first : second);
    EXPECT_FALSE(events[i].process().reconciled());
  }
  EXPECT_EQ(events[1].process().command_line(1), "first");
  EXPECT_EQ(events[4].process().command_line(1), "second");
}

TEST_F(ExecSourceTest, AnExecByAThreadKeepsTheProcess) {
  const auto events = LifeOf([] {
    std::thread([] { Exec({"/bin/true", "by a thread"}); }).join();
    return 1;
  });
  EXPECT_THAT(events[1].process().command_line(), ElementsAre("/bin/true", "by a thread"));
  EXPECT_EQ(events[2].process().exit_code(), 0);
}

TEST_F(ExecSourceTest, ADoubleForkIsToldWithBothParents) {
  std::array<int, 2> told;
  ASSERT_EQ(::pipe(told.data()), 0);
  const pid_t middle = StartChild([&] {
    const pid_t parent = ::getpid();
    const pid_t pid = StartChild([parent] {
      while (::getppid() == parent) std::this_thread::yield();
      return Exec({"/bin/true", "orphan"});
    });
    return ::write(told[1], &pid, sizeof pid) == sizeof pid ? 0 : 2;
  });
  WaitFor(middle);
  pid_t orphan = 0;
  ASSERT_EQ(::read(told[0], &orphan, sizeof orphan), static_cast<ssize_t>(sizeof orphan));
  // The other end is its too: it closes when it ends.
  ::close(told[1]);
  char none = 0;
  ASSERT_EQ(::read(told[0], &none, 1), 0);
  ::close(told[0]);
  const auto of_middle = EventsOf(middle);
  ASSERT_THAT(Actions(of_middle), ElementsAre("START", "STOP"));
  const auto events = EventsOf(orphan);
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events[0].process().ppid(), static_cast<uint32_t>(middle));
  EXPECT_EQ(events[0].process().parent_key(), of_middle[0].process().process_key());
  EXPECT_EQ(events[1].process().action(), v1::PROCESS_ACTION_EXEC);
  EXPECT_NE(events[1].process().ppid(), static_cast<uint32_t>(middle));
  EXPECT_NE(events[1].process().parent_key(), of_middle[0].process().process_key());
}

TEST_F(ExecSourceTest, ASetuidProgramHasTwoUsers) {
  std::string directory = "/tmp/daemoneye-exec.XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  ASSERT_EQ(::chmod(directory.c_str(), 0755), 0);
  const std::string program = directory + "/setuid";
  fs::copy_file("/bin/true", program);
  ASSERT_EQ(::chown(program.c_str(), 12'345, 0), 0);
  ASSERT_EQ(::chmod(program.c_str(), 04755), 0);
  const auto events = LifeOf([&] {
    if (::setresuid(54'321, 54'321, 54'321) != 0) return 2;
    return Exec({program});
  });
  EXPECT_EQ(events[1].process().user_id(), 54'321u);
  EXPECT_EQ(events[1].process().effective_user_id(), 12'345u);
  EXPECT_EQ(events[1].process().executable_path(), program);
  fs::remove_all(directory);
}

TEST_F(ExecSourceTest, AnImageInMemoryIsTold) {
  const auto events = LifeOf([] {
    const int image = ::memfd_create("in memory", MFD_CLOEXEC);
    std::ifstream file("/bin/true", std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    if (::write(image, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return 2;
    std::string name = "true";
    const std::array<char*, 2> arguments = {name.data(), nullptr};
    const std::array<char*, 1> environment = {nullptr};
    ::fexecve(image, arguments.data(), environment.data());
    return 3;
  });
  EXPECT_EQ(events[1].process().executable_path(), "/memfd:in memory");
  EXPECT_EQ(events[2].process().exit_code(), 0);
}

TEST_F(ExecSourceTest, OfAScriptTheInterpreterIsTheImage) {
  const std::string script = ::testing::TempDir() + "/script";
  std::ofstream(script) << "#!/bin/sh\nexit 5\n";
  fs::permissions(script, fs::perms::owner_all);
  const auto events = LifeOf([&] { return Exec({script, "x"}); });
  EXPECT_EQ(events[1].process().executable_path(), fs::canonical("/bin/sh").string());
  EXPECT_THAT(events[1].process().command_line(), ElementsAre("/bin/sh", script, "x"));
  EXPECT_EQ(events[2].process().exit_code(), 5);
}

TEST_F(ExecSourceTest, AMegabyteOfArgumentsIsCutAndSaysSo) {
  std::vector<std::string> arguments = {"/bin/true"};
  for (int i = 0; i < 10; ++i) arguments.emplace_back(104'857, static_cast<char>('a' + i));
  size_t all = 0;
  for (const std::string& argument : arguments) all += argument.size() + 1;
  const auto events = LifeOf([&] { return Exec(arguments); });
  EXPECT_TRUE(events[1].truncated());
  EXPECT_EQ(events[1].process().command_line(0), "/bin/true");
  size_t told = 0;
  for (const std::string& argument : events[1].process().command_line()) told += argument.size();
  EXPECT_LE(told, size_t{64} << 10);
  EXPECT_GT(told, size_t{60} << 10);
  EXPECT_GE(events[1].truncated_bytes() + told + 1024, all);
  EXPECT_FALSE(events[0].truncated());
}

TEST_F(ExecSourceTest, ArgumentsThatAreNoUtf8AreEscapedWithoutLoss) {
  const auto events = LifeOf([] { return Exec({"/bin/true", "\xff\xfe", "a\\\xc3", "pl\\ain"}); });
  EXPECT_TRUE(events[1].escaped());
  EXPECT_THAT(events[1].process().command_line(),
              ElementsAre("/bin/true", "\\xff\\xfe", "a\\\\\\xc3", "pl\\ain"));
}

TEST_F(ExecSourceTest, WhatHasEndedBeforeItIsLookedAtIsToldWhole) {
  sink_.SetOpen(false);
  const pid_t pid = StartChild([] { return Exec({"/bin/sh", "-c", "exit 9"}); });
  WaitFor(pid);
  sink_.SetOpen(true);
  const auto events = EventsOf(pid);
  ASSERT_THAT(Actions(events), ElementsAre("START", "EXEC", "STOP"));
  EXPECT_THAT(events[1].process().command_line(), ElementsAre("/bin/sh", "-c", "exit 9"));
  EXPECT_EQ(events[1].process().executable_path(), fs::canonical("/bin/sh").string());
  EXPECT_EQ(events[1].process().ppid(), static_cast<uint32_t>(::getpid()));
  EXPECT_EQ(events[1].process().user_id(), 0u);
  EXPECT_EQ(events[2].process().exit_code(), 9);
}

TEST_F(ExecSourceTest, AProcessOfAnotherPidNamespaceHasBothPids) {
  std::array<int, 2> told;
  ASSERT_EQ(::pipe(told.data()), 0);
  ASSERT_EQ(RunToEnd([&] {
              if (::unshare(CLONE_NEWPID) != 0) return 1;
              const pid_t pid = StartChild([] { return Exec({"/bin/true", "within"}); });
              if (::write(told[1], &pid, sizeof pid) != sizeof pid) return 2;
              return WaitFor(pid);
            }),
            0);
  pid_t pid = 0;
  ASSERT_EQ(::read(told[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ::close(told[0]);
  ::close(told[1]);
  const auto events = EventsOf(pid);
  ASSERT_THAT(Actions(events), ElementsAre("START", "EXEC", "STOP"));
  for (const auto& event : events) {
    EXPECT_EQ(event.process().container_pid(), 1u);
    EXPECT_EQ(event.process().process_key(), events[0].process().process_key());
  }
  EXPECT_NE(events[1].process().namespaces().pid(), fs_.pid_namespace_inode());
}

}  // namespace
}  // namespace daemoneye::process
