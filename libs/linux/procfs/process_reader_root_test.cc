// What only root can set up: other users, other namespaces, mount options. Skipped, aloud, for
// others.

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "libs/linux/procfs/process_reader.h"
#include "libs/linux/procfs/test_child.h"

namespace daemoneye::procfs {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;

void BecomeNobody() {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
      ::setresuid(kNobody, kNobody, kNobody) != 0) {
    ::_exit(2);
  }
}

// What `body` answers in a child process; 0 when it could not.
uint64_t InChild(const std::function<uint64_t()>& body) {
  int answer[2];
  if (::pipe2(answer, O_CLOEXEC) != 0) return 0;
  const pid_t pid = ::fork();
  if (pid == 0) {
    const uint64_t value = body();
    ::_exit(::write(answer[1], &value, sizeof value) == sizeof value ? 0 : 2);
  }
  ::close(answer[1]);
  uint64_t value = 0;
  if (::read(answer[0], &value, sizeof value) != sizeof value) value = 0;
  ::close(answer[0]);
  ::waitpid(pid, nullptr, 0);
  return value;
}

uint64_t PidNamespaceOf(const std::string& root) {
  const auto proc = ProcFs::Open(root);
  return proc.ok() ? proc->pid_namespace_inode() : 0;
}

// As InChild, in a pid namespace of its own.
uint64_t InOwnPidNamespace(const std::function<uint64_t()>& body) {
  return InChild([&] { return ::unshare(CLONE_NEWPID) == 0 ? InChild(body) : 0; });
}

class RootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    // Below /tmp, since others must be able to reach it.
    directory_ = "/tmp/daemoneye-procfs.XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }

  std::string Program() {
    TestChild::CopyProgram(directory_ + "/prog");
    return directory_ + "/prog";
  }

  std::string directory_;
};

TEST_F(RootTest, RootAndNobodyAgreeOnThePidNamespace) {
  const uint64_t ours = PidNamespaceOf("/proc");
  EXPECT_NE(ours, 0u);
  EXPECT_EQ(InChild([] {
              BecomeNobody();
              return PidNamespaceOf("/proc");
            }),
            ours);
}

TEST_F(RootTest, AProcfsOfTheHostSeenFromBelowHasTheHostsNamespace) {
  const uint64_t ours = PidNamespaceOf("/proc");
  // /proc is still the one from outside; the child's own namespace is another one.
  EXPECT_EQ(InOwnPidNamespace([] { return PidNamespaceOf("/proc"); }), ours);
  EXPECT_EQ(InOwnPidNamespace([] {
              BecomeNobody();
              return PidNamespaceOf("/proc");
            }),
            ours);
}

TEST_F(RootTest, AProcfsOfANamespaceBelowHasThatOne) {
  EXPECT_EQ(InChild([this]() -> uint64_t {
              const std::string below = directory_ + "/below";
              fs::create_directory(below);
              if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 ||
                  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
                return 1;
              }
              // Its process 1, which mounts it; we are not in it.
              TestChild child(TestChild::ProgramPath(), {"proc=" + below});
              struct stat file;
              const std::string link = "/proc/" + std::to_string(child.pid()) + "/ns/pid";
              if (::stat(link.c_str(), &file) != 0 || file.st_ino == PidNamespaceOf("/proc")) {
                return 2;
              }
              if (PidNamespaceOf(below) != file.st_ino) return 3;
              // Who may not look at that process is not told a wrong one.
              BecomeNobody();
              return PidNamespaceOf(below) == 0 ? 42 : 4;
            }),
            42u);
}

TEST_F(RootTest, ProcessesOfOthersMayNotBeLookedIntoButAreSeen) {
  TestChild child(Program());
  EXPECT_EQ(
      InChild([&]() -> uint64_t {
        BecomeNobody();
        const ProcFs proc = *ProcFs::Open("/proc");
        ProcessReader reader(proc);
        if (!reader.Select(child.pid()).ok()) return 1;
        if (!reader.ReadStat().ok() || !reader.ReadStatus().ok()) return 2;
        if (!reader.ReadCmdline().ok() || !reader.ReadCgroup().ok()) return 3;
        for (const absl::Status& status : {reader.ReadExeLink().status(), reader.ReadCwd().status(),
                                           reader.ReadNamespaces().status(),
                                           reader.StatExe().status(), reader.OpenExe().status()}) {
          if (status.code() != absl::StatusCode::kPermissionDenied) return 4;
        }
        return 42;
      }),
      42u);
}

// What nobody gets for `pid` from a procfs mounted at `directory` with `option`, as a status code;
// 100 and more: could not be set up.
uint64_t NobodyReads(pid_t pid, const std::string& directory, const char* option) {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("proc", directory.c_str(), "proc", 0, option) != 0) {
    return 100;
  }
  BecomeNobody();
  const auto proc = ProcFs::Open(directory);
  if (!proc.ok()) return 101;
  if (proc->pid_namespace_inode() != PidNamespaceOf("/proc")) return 102;
  ProcessReader reader(*proc);
  if (!reader.Select(::getpid()).ok() || !reader.ReadStat().ok()) return 103;
  const absl::Status selected = reader.Select(pid);
  return static_cast<uint64_t>(selected.ok() ? reader.ReadStat().status().code() : selected.code());
}

TEST_F(RootTest, AProcfsThatHidesOthersHidesThem) {
  TestChild child(Program());
  EXPECT_EQ(InChild([&] { return NobodyReads(child.pid(), directory_, "hidepid=1"); }),
            static_cast<uint64_t>(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(InChild([&] { return NobodyReads(child.pid(), directory_, "hidepid=2"); }),
            static_cast<uint64_t>(absl::StatusCode::kNotFound));
}

TEST_F(RootTest, APathIsLookedUpInTheMountsOfTheProcess) {
  const std::string path = Program();
  TestChild child(path, {"cover=" + directory_});
  const ProcFs proc = *ProcFs::Open("/proc");
  ProcessReader reader(proc);
  ASSERT_TRUE(reader.Select(child.pid()).ok());
  EXPECT_EQ(reader.ReadExeLink()->path, path);
  EXPECT_FALSE(reader.ReadExeLink()->is_deleted);
  // It is there for us; it itself sees an empty directory.
  EXPECT_TRUE(fs::exists(path));
  EXPECT_EQ(reader.StatPath(path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(reader.StatPath(directory_).ok());
  EXPECT_FALSE(reader.StatPath("relative").ok());
}

TEST_F(RootTest, TheImageOfAChrootedProcessIsFoundAtItsPath) {
  const std::string path = Program();
  fs::create_directory(directory_ + "/jail");
  TestChild child(path, {"chroot=" + directory_ + "/jail"});
  const ProcFs proc = *ProcFs::Open("/proc");
  ProcessReader reader(proc);
  ASSERT_TRUE(reader.Select(child.pid()).ok());
  const auto exe = reader.ReadExeLink();
  EXPECT_EQ(exe->path, path);
  EXPECT_EQ(*reader.StatPath(exe->path), *reader.StatExe());
}

TEST_F(RootTest, ASymbolicLinkDoesNotLeadOutOfTheRootOfTheProcess) {
  const std::string path = Program();
  const std::string jail = directory_ + "/jail";
  fs::create_directory(jail);
  fs::create_directory(directory_ + "/other");
  fs::create_symlink("/etc/passwd", jail + "/link");
  TestChild child(path, {"cover=" + directory_ + "/other", "chroot=" + jail});
  const ProcFs proc = *ProcFs::Open("/proc");
  ProcessReader reader(proc);
  ASSERT_TRUE(reader.Select(child.pid()).ok());
  EXPECT_EQ(reader.StatPath(jail + "/link").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RootTest, APidInANamespaceBelowIsTold) {
  EXPECT_EQ(InChild([]() -> uint64_t {
              if (::unshare(CLONE_NEWPID) != 0) return 1;
              TestChild child(TestChild::ProgramPath());
              const ProcFs proc = *ProcFs::Open("/proc");
              ProcessReader reader(proc);
              if (!reader.Select(child.pid()).ok()) return 2;
              const auto status = reader.ReadStatus();
              if (!status.ok() || status->innermost_pid != 1u) return 3;
              if (status->pid_namespace_depth != 1) return 4;
              return reader.ReadNamespaces()->pid != proc.pid_namespace_inode() ? 42 : 5;
            }),
            42u);
}

}  // namespace
}  // namespace daemoneye::procfs
