// ProcessReader against the running kernel and real children.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libs/linux/procfs/cmdline_parser.h"
#include "libs/linux/procfs/process_reader.h"
#include "libs/linux/procfs/test_child.h"

namespace daemoneye::procfs {
namespace {

using ::testing::ElementsAre;
namespace fs = std::filesystem;

absl::Duration SinceBoot() {
  timespec now;
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

// Writes the child's program to `fd`.
void CopyProgramInto(int fd) {
  const base::UniqueFd program(::open(TestChild::ProgramPath().c_str(), O_RDONLY | O_CLOEXEC));
  struct stat file;
  ASSERT_EQ(::fstat(program.get(), &file), 0);
  off_t at = 0;
  while (at < file.st_size) ASSERT_GT(::sendfile(fd, program.get(), &at, file.st_size - at), 0);
}

class KernelTest : public ::testing::Test {
 protected:
  KernelTest() : directory_(::testing::TempDir() + "/image.XXXXXX") {
    if (::mkdtemp(directory_.data()) == nullptr) std::abort();
    directory_ = fs::canonical(directory_);
  }
  ~KernelTest() override { fs::remove_all(directory_); }

  // A copy of the child's program under `name`.
  std::string Program(const std::string& name) {
    const std::string path = directory_ + "/" + name;
    TestChild::CopyProgram(path);
    return path;
  }

  std::string directory_;
  ProcFs fs_ = *ProcFs::Open("/proc");
  ProcessReader reader_{fs_};
};

TEST_F(KernelTest, ReadsOurselvesAsTheSystemCallsTell) {
  ASSERT_TRUE(reader_.Select(::getpid()).ok());
  const auto stat = reader_.ReadStat();
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_EQ(stat->pid, ::getpid());
  EXPECT_EQ(stat->ppid, ::getppid());
  EXPECT_EQ(stat->pgrp, ::getpgrp());
  EXPECT_EQ(stat->session, ::getsid(0));
  EXPECT_EQ(stat->num_threads, 1u);
  EXPECT_GT(stat->rss_bytes, 100'000u);
  EXPECT_LT(stat->rss_bytes, stat->vsize_bytes);
  const auto status = reader_.ReadStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->uid, (Credential{::getuid(), ::geteuid(), ::geteuid(), ::geteuid()}));
  EXPECT_EQ(status->gid.real, ::getgid());
  EXPECT_EQ(status->innermost_pid, static_cast<uint32_t>(::getpid()));
  EXPECT_EQ(status->pid_namespace_depth, 0u);
  EXPECT_TRUE(status->capabilities.has_value());
  EXPECT_EQ(reader_.ReadExeLink()->path, fs::read_symlink("/proc/self/exe").string());
  EXPECT_FALSE(reader_.ReadExeLink()->is_deleted);
  EXPECT_EQ(*reader_.ReadCwd(), fs::current_path().string());
  EXPECT_FALSE(reader_.ReadCgroup()->empty());
  EXPECT_TRUE(reader_.ReadLoginUid().ok());
  EXPECT_TRUE(reader_.ReadAuditSession().ok());
}

TEST_F(KernelTest, ReadsOurNamespaces) {
  ASSERT_TRUE(reader_.Select(::getpid()).ok());
  const auto inodes = reader_.ReadNamespaces();
  ASSERT_TRUE(inodes.ok()) << inodes.status();
  for (const auto& [kind, inode] :
       {std::pair("mnt", inodes->mnt), std::pair("net", inodes->net), std::pair("pid", inodes->pid),
        std::pair("user", inodes->user), std::pair("uts", inodes->uts)}) {
    struct stat file;
    ASSERT_EQ(::stat((std::string("/proc/self/ns/") + kind).c_str(), &file), 0);
    EXPECT_EQ(inode, file.st_ino) << kind;
  }
}

TEST_F(KernelTest, StartTicksAreWhenItBegan) {
  const absl::Duration tick = absl::Seconds(1) / fs_.ticks_per_second();
  const absl::Duration before = SinceBoot();
  TestChild child(TestChild::ProgramPath());
  const absl::Duration after = SinceBoot();
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  const absl::Duration start = fs_.TicksToDuration(reader_.ReadStat()->start_ticks);
  EXPECT_GE(start, before - tick);
  EXPECT_LE(start, after);
}

TEST_F(KernelTest, ReadsArgumentsAndNameOfAChild) {
  TestChild child(Program("prog"), {"name=) R 1 \n\xff", "", "two words"});
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  const auto stat = reader_.ReadStat();
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_EQ(stat->comm, ") R 1 \n\xff");
  EXPECT_EQ(stat->ppid, ::getpid());
  ASSERT_TRUE(reader_.ReadStatus().ok());
  EXPECT_EQ(reader_.ReadStatus()->uid.real, ::getuid());
  std::vector<std::string_view> arguments;
  const auto cmdline = reader_.ReadCmdline();
  SplitCmdline(cmdline->bytes, 100, arguments);
  EXPECT_THAT(arguments, ElementsAre(directory_ + "/prog", "name=) R 1 \n\xff", "", "two words"));
}

TEST_F(KernelTest, ATitleWrittenOverTheArgumentsIsOneArgument) {
  TestChild child(Program("prog"), {"title", "and", "more"});
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  std::vector<std::string_view> arguments;
  SplitCmdline(reader_.ReadCmdline()->bytes, 100, arguments);
  ASSERT_FALSE(arguments.empty());
  EXPECT_EQ(arguments[0], "a title");
}

TEST_F(KernelTest, ACommandLineOfTwoMegabytesIsCutAndItsSizeTold) {
  const std::vector<std::string> arguments(17, std::string(120'000, 'x'));
  const std::string path = Program("prog");
  TestChild child(path, arguments);
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  const auto cmdline = reader_.ReadCmdline();
  ASSERT_TRUE(cmdline.ok()) << cmdline.status();
  EXPECT_EQ(cmdline->bytes.size(), kMaxCmdlineBytes);
  EXPECT_EQ(cmdline->total_bytes, path.size() + 1 + 17 * 120'001);
}

TEST_F(KernelTest, TheImageIsTheFileThatRuns) {
  const std::string path = Program("prog");
  TestChild child(path);
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  struct stat file;
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  const auto exe = reader_.ReadExeLink();
  EXPECT_EQ(exe->path, path);
  EXPECT_FALSE(exe->is_deleted);
  EXPECT_FALSE(exe->is_memfd);
  const auto image = reader_.OpenExe();
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->identity.device, file.st_dev);
  EXPECT_EQ(image->identity.inode, file.st_ino);
  EXPECT_EQ(image->identity.size_bytes, static_cast<uint64_t>(file.st_size));
  EXPECT_EQ(image->identity.mode, file.st_mode);
  EXPECT_EQ(*reader_.StatExe(), image->identity);
  EXPECT_EQ(*reader_.StatPath(path), image->identity);
}

TEST_F(KernelTest, ADeletedImageIsToldAndStillOpen) {
  const std::string path = Program("prog");
  TestChild child(path);
  ASSERT_TRUE(fs::remove(path));
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  const auto exe = reader_.ReadExeLink();
  ASSERT_TRUE(exe.ok()) << exe.status();
  EXPECT_EQ(exe->path, path);
  EXPECT_TRUE(exe->is_deleted);
  EXPECT_FALSE(exe->is_memfd);
  EXPECT_EQ(reader_.StatPath(path).status().code(), absl::StatusCode::kNotFound);
  char magic[4];
  const auto image = reader_.OpenExe();
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->identity.link_count, 0u);
  ASSERT_EQ(::read(image->fd.get(), magic, 4), 4);
  EXPECT_EQ(std::string_view(magic + 1, 3), "ELF");
}

TEST_F(KernelTest, AReplacedImageIsDeletedAndAnotherFileStandsThere) {
  const std::string path = Program("prog");
  TestChild child(path);
  fs::rename(Program("new"), path);
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  EXPECT_TRUE(reader_.ReadExeLink()->is_deleted);
  EXPECT_EQ(reader_.ReadExeLink()->path, path);
  EXPECT_FALSE(reader_.StatPath(path)->is_same_file(*reader_.StatExe()));
}

TEST_F(KernelTest, AFileThatIsNamedDeletedIsNotDeleted) {
  const std::string path = Program("prog (deleted)");
  TestChild child(path);
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  EXPECT_EQ(reader_.ReadExeLink()->path, path);
  EXPECT_FALSE(reader_.ReadExeLink()->is_deleted);
  // The same name beside it must not be taken for it.
  fs::remove(path);
  Program("prog (deleted)");
  EXPECT_EQ(reader_.ReadExeLink()->path, path);
  EXPECT_TRUE(reader_.ReadExeLink()->is_deleted);
}

TEST_F(KernelTest, ADeletedNameOfAFileWithOtherNamesIsDeleted) {
  const std::string path = Program("prog");
  TestChild child(path);
  fs::create_hard_link(path, directory_ + "/other");
  fs::remove(path);
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  EXPECT_EQ(reader_.ReadExeLink()->path, path);
  EXPECT_TRUE(reader_.ReadExeLink()->is_deleted);
  EXPECT_EQ(reader_.StatExe()->link_count, 1u);
}

TEST_F(KernelTest, AMemfdIsTold) {
  const base::UniqueFd memory(::memfd_create("payload", MFD_CLOEXEC));
  CopyProgramInto(memory.get());
  TestChild child("harmless", {}, memory.get());
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  const auto exe = reader_.ReadExeLink();
  ASSERT_TRUE(exe.ok()) << exe.status();
  EXPECT_EQ(exe->path, "/memfd:payload");
  EXPECT_TRUE(exe->is_memfd);
  EXPECT_TRUE(exe->is_deleted);
}

TEST_F(KernelTest, ASealedMemfdIsTold) {
  const base::UniqueFd memory(::memfd_create("payload", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  CopyProgramInto(memory.get());
  TestChild child("harmless", {}, memory.get());
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  EXPECT_FALSE(*reader_.IsExeSealed());
  ASSERT_EQ(
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
      0);
  EXPECT_TRUE(*reader_.IsExeSealed());
}

TEST_F(KernelTest, AnOrdinaryImageIsNotSealedAndItsPathIsInTheCache) {
  const std::string path = Program("prog");
  TestChild child(path);
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  EXPECT_FALSE(*reader_.IsExeSealed());
  EXPECT_EQ(*reader_.StatPathCached(path), *reader_.StatExe());
  EXPECT_FALSE(reader_.StatPathCached(directory_ + "/never there").ok());
}

TEST_F(KernelTest, TheLayoutOfAnImageIsTold) {
  TestChild child(Program("prog"));
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  const auto stat = reader_.ReadStat();
  EXPECT_LT(stat->start_code, stat->end_code);
  EXPECT_NE(stat->start_stack, 0u);
  EXPECT_NE(stat->start_brk, 0u);
}

TEST_F(KernelTest, AZombieHasNoImageAndIsNotGone) {
  TestChild child(Program("prog"));
  child.Kill();
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  const auto stat = reader_.ReadStat();
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_TRUE(stat->is_zombie());
  EXPECT_EQ(stat->exit_code, 9);
  EXPECT_EQ(stat->comm, "prog");
  EXPECT_EQ(reader_.ReadCmdline()->bytes, "");
  const auto exe = reader_.ReadExeLink();
  ASSERT_TRUE(exe.ok()) << exe.status();
  EXPECT_FALSE(exe->has_image());
  EXPECT_TRUE(reader_.ReadStatus().ok());
  const auto inodes = reader_.ReadNamespaces();
  ASSERT_TRUE(inodes.ok()) << inodes.status();
  EXPECT_EQ(inodes->net, std::nullopt);
  EXPECT_NE(inodes->user, std::nullopt);
}

TEST_F(KernelTest, AProcessThatVanishesBetweenTwoReadsIsNotFound) {
  TestChild child(Program("prog"));
  ASSERT_TRUE(reader_.Select(child.pid()).ok());
  ASSERT_TRUE(reader_.ReadStat().ok());
  child.Reap();
  for (const absl::Status& status :
       {reader_.ReadStat().status(), reader_.ReadStatus().status(), reader_.ReadCmdline().status(),
        reader_.ReadExeLink().status(), reader_.ReadCwd().status(), reader_.ReadCgroup().status(),
        reader_.ReadLoginUid().status(), reader_.ReadAuditSession().status(),
        reader_.ReadNamespaces().status(), reader_.StatExe().status(), reader_.OpenExe().status(),
        reader_.StatPath("/").status(), reader_.Select(reader_.pid())}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  }
}

}  // namespace
}  // namespace daemoneye::procfs
