// What the probe tells of real processes. Skipped, aloud, for others than root.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "libs/linux/bpf/probe_fixture.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/process_reader.h"

namespace daemoneye::bpf {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Event> EventsOf(const std::vector<KeptRecord>& records) {
  std::vector<Event> events;
  for (const KeptRecord& record : records) events.push_back(record.event());
  return events;
}

class LifeTest : public ProbeTest, public ::testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(Kernels, LifeTest, ::testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Old" : "Present");
});

TEST_P(LifeTest, TellsALifeFromForkToExit) {
  Open({.assumes_old_kernel = GetParam()});
  const std::vector<std::string> arguments = {"/bin/true", "MARK", "two words", ""};
  const pid_t pid = Start([&] { return Exec(arguments); });
  WaitFor(pid);
  const auto records = RecordsOf(pid);
  ASSERT_THAT(EventsOf(records), ElementsAre(Event::kFork, Event::kExec, Event::kExit));
  EXPECT_EQ(records[1].arguments, Joined(arguments));
  EXPECT_FALSE(records[1].task().are_arguments_truncated());
  EXPECT_EQ(records[1].filename, "/bin/true");
  EXPECT_EQ(records[1].executable, fs::canonical("/bin/true"));
  EXPECT_EQ(records[1].directory, fs::current_path());
  EXPECT_EQ(records[1].comm, "true");
  EXPECT_EQ(records[1].record.old_tid, records[1].task().host_pid);
  EXPECT_EQ(records[1].task().exec_id, records[0].task().exec_id + 1);
  struct stat file;
  ASSERT_EQ(::stat("/bin/true", &file), 0);
  EXPECT_EQ(records[1].task().image, (Image{file.st_dev, file.st_ino, file.st_mode, file.st_uid}));
  for (const KeptRecord& record : records) {
    EXPECT_EQ(record.task().ppid, static_cast<uint32_t>(::getpid()));
    EXPECT_EQ(record.task().start_boottime_ns, records[0].task().start_boottime_ns);
    EXPECT_GE(record.record.boottime_ns, record.task().start_boottime_ns);
  }
}

TEST_P(LifeTest, TellsWhatProcTells) {
  Open({.assumes_old_kernel = GetParam()});
  int gate[2];
  ASSERT_EQ(::pipe(gate), 0);
  const pid_t pid = Start([&] {
    ::dup2(gate[0], 0);
    ::close(gate[1]);
    return Exec({"/bin/cat"});
  });
  const auto records = ReadUntil(
      [pid](const ProbeRecord& record) { return record.task.pid == static_cast<uint32_t>(pid); },
      [pid](const ProbeRecord& record) {
        return record.task.pid == static_cast<uint32_t>(pid) && record.event == Event::kExec;
      });
  ASSERT_FALSE(records.empty());
  const TaskRecord& task = records.back().task();
  const procfs::ProcFs proc = *procfs::ProcFs::Open("/proc");
  procfs::ProcessReader reader(proc);
  ASSERT_TRUE(reader.Select(pid).ok());
  const auto stat = *reader.ReadStat();
  const auto status = *reader.ReadStatus();
  EXPECT_EQ(task.start_ticks(static_cast<uint64_t>(::sysconf(_SC_CLK_TCK))), stat.start_ticks);
  EXPECT_EQ(task.ppid, static_cast<uint32_t>(stat.ppid));
  EXPECT_EQ(task.pgrp, static_cast<uint32_t>(stat.pgrp));
  EXPECT_EQ(task.session, static_cast<uint32_t>(stat.session));
  EXPECT_EQ(task.tty_nr, stat.tty_nr);
  EXPECT_EQ(task.uid, status.uid);
  EXPECT_EQ(task.gid, status.gid);
  EXPECT_EQ(task.capabilities, status.capabilities);
  EXPECT_EQ(task.namespaces, *reader.ReadNamespaces());
  EXPECT_EQ(task.login_uid, *reader.ReadLoginUid());
  EXPECT_EQ(task.audit_session, *reader.ReadAuditSession());
  EXPECT_EQ(records.back().executable, reader.ReadExeLink()->path);
  EXPECT_EQ(records.back().directory, *reader.ReadCwd());
  EXPECT_EQ(records.back().arguments, reader.ReadCmdline()->bytes);
  ASSERT_TRUE(reader.Select(::getpid()).ok());
  EXPECT_EQ(task.parent_start_boottime_ns / 10'000'000, reader.ReadStat()->start_ticks);
  ::close(gate[1]);
  WaitFor(pid);
  ::close(gate[0]);
}

TEST_F(ProbeTest, TellsHowAProcessEnded) {
  Open();
  for (const int code : {0, 7, 255}) {
    const pid_t pid = Start([code] { return code; });
    WaitFor(pid);
    const auto records = RecordsOf(pid);
    ASSERT_FALSE(records.empty());
    EXPECT_EQ(records.back().record.exit.code, code);
    EXPECT_EQ(records.back().record.exit.signal, 0);
  }
  for (const int signal : {SIGKILL, SIGTERM, SIGSEGV}) {
    const pid_t pid = Start([signal] {
      ::signal(signal, SIG_DFL);
      ::prctl(PR_SET_DUMPABLE, 0);
      ::kill(::getpid(), signal);
      while (true) ::pause();
      return 0;
    });
    WaitFor(pid);
    const auto records = RecordsOf(pid);
    ASSERT_FALSE(records.empty());
    EXPECT_EQ(records.back().record.exit.signal, signal);
    EXPECT_EQ(records.back().record.exit.code, 0);
  }
}

TEST_P(LifeTest, AProcessWhoseFirstThreadEndsEarlyEndsOnce) {
  Open({.assumes_old_kernel = GetParam()});
  const pid_t pid = Start([] {
    std::thread([] {
      // When the first thread is a zombie.
      char state = 0;
      while (state != 'Z') {
        std::ifstream file("/proc/self/stat");
        std::string text;
        std::getline(file, text);
        state = text.at(text.rfind(')') + 2);
      }
      ::_exit(9);
    }).detach();
    ::syscall(SYS_exit, 3);
    return 0;
  });
  const int status = WaitFor(pid);
  const auto records = RecordsOf(pid);
  ASSERT_THAT(EventsOf(records), ElementsAre(Event::kFork, Event::kExit));
  EXPECT_EQ(records[1].record.exit.code, WEXITSTATUS(status));
  EXPECT_EQ(records[1].record.exit.code, 9);
}

TEST_F(ProbeTest, AnExecByAThreadKeepsThePid) {
  Open();
  const pid_t pid = Start([] {
    std::thread([] { Exec({"/bin/true"}); }).join();
    return 1;
  });
  EXPECT_EQ(WaitFor(pid), 0);
  const auto records = RecordsOf(pid);
  ASSERT_THAT(EventsOf(records), ElementsAre(Event::kFork, Event::kExec, Event::kExit));
  EXPECT_NE(records[1].record.old_tid, records[1].task().host_pid);
  EXPECT_EQ(records[1].task().start_boottime_ns, records[0].task().start_boottime_ns);
}

TEST_F(ProbeTest, AMegabyteOfArgumentsIsCutAndSaysSo) {
  Open();
  std::vector<std::string> arguments = {"/bin/true"};
  for (int i = 0; i < 10; ++i) arguments.emplace_back(104'857, static_cast<char>('a' + i));
  const KeptRecord record = ExecOf([&] { return Exec(arguments); });
  const std::string all = Joined(arguments);
  EXPECT_GT(all.size(), 1u << 20);
  EXPECT_EQ(record.task().total_argument_bytes, all.size());
  EXPECT_TRUE(record.task().are_arguments_truncated());
  EXPECT_FALSE(record.task().are_arguments_unread);
  EXPECT_EQ(record.arguments, all.substr(0, 65'536));
  EXPECT_GE(probe_->ReadCounters().exec.truncated_count, 1u);
}

TEST_F(ProbeTest, TheBoundOfArgumentsCanBeSet) {
  Open({.max_argument_bytes = 12});
  const KeptRecord record = ExecOf([] { return Exec({"/bin/true", "argument"}); });
  EXPECT_EQ(record.arguments, std::string("/bin/true\0ar", 12));
  EXPECT_EQ(record.task().total_argument_bytes, 19u);
}

TEST_F(ProbeTest, ArgumentsAreBytes) {
  Open();
  const std::vector<std::string> arguments = {"/bin/true", "\xff\xfe\x80", "\xc3", "\n\x1b[2J"};
  EXPECT_EQ(ExecOf([&] { return Exec(arguments); }).arguments, Joined(arguments));
}

TEST_F(ProbeTest, OfAScriptTheInterpreterIsTheImage) {
  Open();
  const std::string script = ::testing::TempDir() + "/script";
  std::ofstream(script) << "#!/bin/sh\nexit 0\n";
  fs::permissions(script, fs::perms::owner_all);
  const KeptRecord record = ExecOf([&] { return Exec({script, "x"}); });
  EXPECT_EQ(record.filename, script);
  EXPECT_EQ(record.executable, fs::canonical("/bin/sh"));
  EXPECT_EQ(record.arguments, Joined({"/bin/sh", script, "x"}));
}

TEST_F(ProbeTest, AnImageInMemoryIsTold) {
  Open();
  const KeptRecord record = ExecOf([] {
    const int image = ::memfd_create("in memory", MFD_CLOEXEC);
    std::ifstream file("/bin/true", std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    if (::write(image, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return 2;
    char name[] = "true";
    char* const arguments[] = {name, nullptr};
    char* const environment[] = {nullptr};
    ::fexecve(image, arguments, environment);
    return 3;
  });
  EXPECT_EQ(record.executable, "/memfd:in memory");
  EXPECT_TRUE(record.task().is_memfd);
}

TEST_F(ProbeTest, ASetuidProgramHasTwoUsers) {
  Open();
  std::string directory = "/tmp/daemoneye-bpf.XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  ASSERT_EQ(::chmod(directory.c_str(), 0755), 0);
  const std::string program = directory + "/setuid";
  fs::copy_file("/bin/true", program);
  ASSERT_EQ(::chown(program.c_str(), 12'345, 0), 0);
  ASSERT_EQ(::chmod(program.c_str(), 04755), 0);
  const KeptRecord record = ExecOf([&] {
    if (::setresuid(54'321, 54'321, 54'321) != 0) return 2;
    return Exec({program});
  });
  EXPECT_EQ(record.task().uid.real, 54'321u);
  EXPECT_EQ(record.task().uid.effective, 12'345u);
  EXPECT_EQ(record.task().image->owner_uid, 12'345u);
  EXPECT_EQ(record.task().image->mode & 07777u, 04755u);
  fs::remove_all(directory);
}

TEST_F(ProbeTest, APidBelowIsToldAsItIsHere) {
  Open();
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  EXPECT_EQ(RunToEnd([&] {
              if (::unshare(CLONE_NEWPID) != 0) return 1;
              const pid_t pid = Start([] { return Exec({"/bin/true"}); });
              if (::write(told[1], &pid, sizeof pid) != sizeof pid) return 2;
              return WaitFor(pid);
            }),
            0);
  pid_t pid = 0;
  ASSERT_EQ(::read(told[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  const auto records = RecordsOf(pid);
  ASSERT_THAT(EventsOf(records), ElementsAre(Event::kFork, Event::kExec, Event::kExit));
  for (const KeptRecord& record : records) {
    EXPECT_EQ(record.task().innermost_pid, 1u);
    EXPECT_EQ(record.task().pid_namespace_depth, 1u);
  }
  EXPECT_NE(records[0].task().namespaces.pid, procfs::ProcFs::Open("/proc")->pid_namespace_inode());
  ::close(told[0]);
  ::close(told[1]);
}

}  // namespace
}  // namespace daemoneye::bpf
