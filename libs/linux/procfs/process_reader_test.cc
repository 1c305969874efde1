#include "libs/linux/procfs/process_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libs/linux/procfs/cmdline_parser.h"
#include "libs/linux/procfs/fake_proc.h"
#include "libs/linux/procfs/pid_lister.h"

namespace daemoneye::procfs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::string_view_literals;

std::string Testdata(const std::string& tree) {
  return "tests/testdata/procfs/" + tree;  // Bazel starts a test where its data is
}

class RecordedTest : public ::testing::Test {
 protected:
  void Open(const std::string& tree) {
    fake_.CopyRecorded(Testdata(tree));
    auto fs = ProcFs::Open(fake_.root());
    ASSERT_TRUE(fs.ok()) << fs.status();
    fs_.emplace(*std::move(fs));
    reader_.emplace(*fs_);
  }

  FakeProc fake_;
  std::optional<ProcFs> fs_;
  std::optional<ProcessReader> reader_;
};

TEST_F(RecordedTest, ReadsAProcess) {
  Open("recorded");
  ASSERT_TRUE(reader_->Select(4242).ok());
  const auto stat = reader_->ReadStat();
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_EQ(stat->comm, "sleep");
  EXPECT_EQ(stat->start_ticks, 199797u);
  EXPECT_EQ(stat->rss_bytes, 346u * 4096);
  const auto status = reader_->ReadStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->innermost_pid, 4242u);
  EXPECT_EQ(status->is_kernel_thread, false);
  ASSERT_TRUE(status->capabilities);
  EXPECT_EQ(reader_->ReadCmdline()->bytes, "/usr/bin/sleep\000300\0"sv);
  EXPECT_EQ(reader_->ReadExeLink()->path, "/usr/bin/sleep");
  EXPECT_EQ(*reader_->ReadCwd(), "/");
  EXPECT_EQ(*reader_->ReadLoginUid(), std::nullopt);
  EXPECT_EQ(*reader_->ReadAuditSession(), std::nullopt);
  EXPECT_EQ(reader_->ReadNamespaces()->mnt, 4026531832u);
  EXPECT_EQ(reader_->ReadNamespaces()->pid, 4026531836u);
}

TEST_F(RecordedTest, AKernelThreadHasNoImageAndNoCommandLine) {
  Open("recorded");
  ASSERT_TRUE(reader_->Select(2).ok());
  EXPECT_TRUE(reader_->ReadStat()->is_kernel_thread());
  EXPECT_EQ(reader_->ReadStatus()->is_kernel_thread, true);
  EXPECT_EQ(reader_->ReadCmdline()->bytes, "");
  const auto exe = reader_->ReadExeLink();
  ASSERT_TRUE(exe.ok()) << exe.status();
  EXPECT_FALSE(exe->has_image());
}

TEST_F(RecordedTest, HostileNamesAndCommandLinesAreReadAsTheyAre) {
  Open("hostile");
  auto lister = PidLister::Create(*fs_);
  std::vector<pid_t> pids;
  ASSERT_TRUE(lister->List(pids).ok());
  EXPECT_THAT(pids, ElementsAre(10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 4194304));
  const struct {
    pid_t pid;
    std::string_view comm;
    std::vector<std::string_view> arguments;
  } kCases[] = {
      {10, ") R 1 1 1", {}},
      {11, "a\nb) Z 2", {"no-nul-at-all"}},
      {12, "\xff\xfe\x80(", {"/bin/\xff\xfe", "\x1b[31mred", "", "--\xc3"}},
      {13, "", {"title: of mine"}},
      {14, ")))(((", {"", "", ""}},
      {4194304, "huge", {"huge"}},
  };
  std::vector<std::string_view> arguments;
  for (const auto& c : kCases) {
    ASSERT_TRUE(reader_->Select(c.pid).ok());
    const auto stat = reader_->ReadStat();
    ASSERT_TRUE(stat.ok()) << stat.status();
    EXPECT_EQ(stat->comm, c.comm);
    EXPECT_EQ(stat->pid, c.pid);
    EXPECT_EQ(stat->start_ticks, 555u);
    EXPECT_TRUE(reader_->ReadStatus().ok());
    SplitCmdline(reader_->ReadCmdline()->bytes, 100, arguments);
    EXPECT_EQ(arguments, c.arguments) << c.pid;
  }
}

TEST_F(RecordedTest, BrokenFilesAreDataLossThatNamesPidAndFile) {
  Open("hostile");
  for (const pid_t pid : {20, 21, 22, 23, 24}) {
    ASSERT_TRUE(reader_->Select(pid).ok());
    for (const auto& [status, file] : {std::pair(reader_->ReadStat().status(), "file=stat "),
                                       std::pair(reader_->ReadStatus().status(), "file=status ")}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << pid << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("pid=" + std::to_string(pid) + " "));
      EXPECT_THAT(std::string(status.message()), HasSubstr(file));
    }
  }
  for (const pid_t pid : {20, 21, 22}) {
    ASSERT_TRUE(reader_->Select(pid).ok());
    EXPECT_EQ(reader_->ReadLoginUid().status().code(), absl::StatusCode::kDataLoss) << pid;
  }
  ASSERT_TRUE(reader_->Select(12).ok());
  EXPECT_EQ(reader_->ReadNamespaces().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RecordedTest, DeletedImagesAreTold) {
  Open("hostile");
  ASSERT_TRUE(reader_->Select(10).ok());
  EXPECT_TRUE(reader_->ReadExeLink()->is_memfd);
  EXPECT_EQ(reader_->ReadExeLink()->path, "/memfd:payload");
  ASSERT_TRUE(reader_->Select(11).ok());
  EXPECT_TRUE(reader_->ReadExeLink()->is_deleted);
  EXPECT_FALSE(reader_->ReadExeLink()->is_memfd);
  EXPECT_EQ(reader_->ReadExeLink()->path, "/opt/gone");
}

class FakeTreeTest : public ::testing::Test {
 protected:
  FakeTreeTest() { fake_.Put({.pid = 42}); }

  FakeProc fake_;
  ProcFs fs_ = *ProcFs::Open(fake_.root());
  ProcessReader reader_{fs_};
};

TEST_F(FakeTreeTest, WhatWasNeverThereIsNotFound) {
  const absl::Status status = reader_.Select(43);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("pid=43"));
}

TEST_F(FakeTreeTest, AProcessThatVanishesBetweenTwoReadsIsNotFound) {
  ASSERT_TRUE(reader_.Select(42).ok());
  ASSERT_TRUE(reader_.ReadStat().ok());
  fake_.Remove(42);
  for (const absl::Status& status :
       {reader_.ReadStat().status(), reader_.ReadStatus().status(), reader_.ReadCmdline().status(),
        reader_.ReadExeLink().status(), reader_.ReadCwd().status(), reader_.ReadCgroup().status(),
        reader_.ReadLoginUid().status(), reader_.ReadNamespaces().status(),
        reader_.StatExe().status(), reader_.OpenExe().status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  }
}

TEST_F(FakeTreeTest, AnotherProcessWithItsPidIsNotMistakenForIt) {
  ASSERT_TRUE(reader_.Select(42).ok());
  fake_.Remove(42);
  fake_.Put({.pid = 42, .comm = "another"});
  EXPECT_EQ(reader_.ReadStat().status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(reader_.Select(42).ok());
  EXPECT_EQ(reader_.ReadStat()->comm, "another");
}

TEST_F(FakeTreeTest, AKernelWithoutAuditOrCgroupsIsToldFromAProcessThatIsGone) {
  fake_.RemovePath("42/loginuid");
  fake_.RemovePath("42/cgroup");
  fake_.RemovePath("42/ns/time");
  ASSERT_TRUE(reader_.Select(42).ok());
  EXPECT_EQ(*reader_.ReadLoginUid(), std::nullopt);
  EXPECT_EQ(reader_.ReadCgroup().status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(reader_.ReadNamespaces()->time, std::nullopt);
  EXPECT_NE(reader_.ReadNamespaces()->uts, std::nullopt);
}

TEST_F(FakeTreeTest, ACommandLineOfJustTheBoundIsWhole) {
  const std::string line(kMaxCmdlineBytes, 'x');
  fake_.WriteFile("42/cmdline", line);
  ASSERT_TRUE(reader_.Select(42).ok());
  EXPECT_EQ(reader_.ReadCmdline()->bytes, line);
  EXPECT_FALSE(reader_.ReadCmdline()->is_truncated());
}

TEST_F(FakeTreeTest, ALongerCommandLineIsCutAndItsSizeTold) {
  for (const size_t size : {kMaxCmdlineBytes + 1, kMaxCmdlineBytes + 2, size_t{2'000'003}}) {
    fake_.WriteFile("42/cmdline", std::string(size, 'x'));
    ASSERT_TRUE(reader_.Select(42).ok());
    const auto cmdline = reader_.ReadCmdline();
    EXPECT_EQ(cmdline->bytes.size(), kMaxCmdlineBytes);
    EXPECT_EQ(cmdline->total_bytes, size);
    EXPECT_TRUE(cmdline->is_truncated());
  }
}

TEST_F(FakeTreeTest, TheStatusOfAMemberOfManyGroupsIsReadWhole) {
  std::string groups = "Groups:\t";
  for (int i = 0; i < 65536; ++i) groups += "4294967294 ";
  fake_.WriteFile("42/status", "Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n" + groups + "\nThreads:\t9\n");
  ASSERT_TRUE(reader_.Select(42).ok());
  EXPECT_EQ(reader_.ReadStatus()->thread_count, 9u);
}

TEST_F(FakeTreeTest, ViewsLastUntilTheSameMethodIsCalledAgain) {
  ASSERT_TRUE(reader_.Select(42).ok());
  const auto stat = reader_.ReadStat();
  const auto exe = reader_.ReadExeLink();
  const auto cmdline = reader_.ReadCmdline();
  ASSERT_TRUE(reader_.ReadStatus().ok());
  ASSERT_TRUE(reader_.ReadCwd().ok());
  ASSERT_TRUE(reader_.ReadCgroup().ok());
  ASSERT_TRUE(reader_.ReadNamespaces().ok());
  EXPECT_EQ(stat->comm, "fake");
  EXPECT_EQ(exe->path, "/usr/bin/fake");
  EXPECT_EQ(cmdline->bytes, "fake\0"sv);
}

}  // namespace
}  // namespace daemoneye::procfs
