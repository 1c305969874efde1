// Real files, links, FIFOs and devices, by openat2 and element by element.

#include "libs/linux/file/allowed_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace daemoneye::file {
namespace {

namespace fs = std::filesystem;
using Resolution = AllowedFiles::Resolution;

constexpr char kRefusal[] = "there is no such target, or none that may be looked at";

class AllowedFilesTest : public testing::TestWithParam<Resolution> {
 protected:
  AllowedFilesTest() {
    char name[] = "/tmp/allowed_XXXXXX";
    top_ = ::mkdtemp(name);
    root_ = top_ + "/root";
    fs::create_directories(root_ + "/dir/deep");
    fs::create_directories(top_ + "/outside");
    Write(root_ + "/file", "inside");
    Write(root_ + "/dir/deep/file", "deep");
    Write(top_ + "/outside/file", "outside");
    Write(top_ + "/rootfile", "beside");
  }
  ~AllowedFilesTest() override { fs::remove_all(top_); }

  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  AllowedFiles Files() const { return AllowedFiles({root_}, GetParam()); }
  // What is read of `path`, or the refusal.
  static std::string Read(const AllowedFiles& files, const std::string& path) {
    const auto file = files.Open(path);
    if (!file.ok()) return std::string(file.status().message());
    char text[64];
    const ssize_t n = ::read(file->get(), text, sizeof text);
    return n < 0 ? "unreadable" : std::string(text, static_cast<size_t>(n));
  }

  std::string top_;
  std::string root_;
};

TEST_P(AllowedFilesTest, OpensRegularFilesBelowItsRoots) {
  const AllowedFiles files = Files();
  EXPECT_EQ(Read(files, root_ + "/file"), "inside");
  EXPECT_EQ(Read(files, root_ + "/dir/deep/file"), "deep");
  EXPECT_EQ(Read(files, root_ + "//dir/./deep///file"), "deep");
  EXPECT_EQ(Read(AllowedFiles({root_ + "/", "/none"}, GetParam()), root_ + "/file"), "inside");
  EXPECT_EQ(Read(AllowedFiles({"/"}, GetParam()), root_ + "/file"), "inside");
}

TEST_P(AllowedFilesTest, ARootMayBeALinkItself) {
  fs::create_directory_symlink(root_, top_ + "/link");
  EXPECT_EQ(Read(AllowedFiles({top_ + "/link"}, GetParam()), top_ + "/link/file"), "inside");
}

TEST_P(AllowedFilesTest, RefusesEverythingElseInTheSameWords) {
  fs::create_symlink("file", root_ + "/link");
  fs::create_symlink(top_ + "/outside/file", root_ + "/link_out");
  fs::create_directory_symlink("dir", root_ + "/link_dir");
  fs::create_directory_symlink(top_ + "/outside", root_ + "/link_dir_out");
  fs::create_symlink("/proc/self/exe", root_ + "/magic");
  fs::create_symlink("nothing", root_ + "/dangling");
  ASSERT_EQ(::mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  const base::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(address.sun_path, (root_ + "/socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const AllowedFiles files = Files();
  for (const std::string& path : {
           root_ + "/none",
           root_ + "/none/deeper",
           root_ + "/file/",
           root_ + "/file/deeper",
           root_,
           root_ + "/",
           root_ + "/dir",
           root_ + "/dir/",  // directories
           root_ + "/link",
           root_ + "/link_out",
           root_ + "/dangling",  // links
           root_ + "/link_dir/deep/file",
           root_ + "/link_dir_out/file",  // on the way
           root_ + "/magic",
           std::string("/proc/self/exe"),  // magic ones
           root_ + "/fifo",
           root_ + "/socket",  // no files
           root_ + "/../outside/file",
           root_ + "/dir/../file",
           root_ + "/..",  // ".."
           top_ + "/outside/file",
           top_ + "/rootfile",
           std::string("/etc/passwd"),  // outside
           std::string("file"),
           std::string("root/file"),
           std::string(),  // relative
           root_ + std::string("/file\0", 6),
           root_ + std::string("/file\0.x", 8),  // NUL
           root_ + "/" + std::string(300, 'x'),
           root_ + "/" + std::string(5'000, '/') + "none",
       }) {
    const auto file = files.Open(path);
    EXPECT_EQ(file.status(), absl::NotFoundError(kRefusal)) << path;
  }
}

TEST_P(AllowedFilesTest, ADeviceIsNotOpenedEvenWhereItIsBelowARoot) {
  const AllowedFiles files({"/dev"}, GetParam());
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/tty"}) {
    EXPECT_EQ(files.Open(path).status(), absl::NotFoundError(kRefusal)) << path;
  }
}

TEST_P(AllowedFilesTest, FilesOfTheKernelAreNone) {
  const AllowedFiles files({"/proc", "/sys"}, GetParam());
  for (const char* path : {"/proc/self/status", "/proc/1/exe", "/proc/self/root/etc/passwd",
                           "/proc/self/fd/0", "/proc/version", "/sys/kernel/mm"}) {
    EXPECT_EQ(files.Open(path).status(), absl::NotFoundError(kRefusal)) << path;
  }
}

TEST_P(AllowedFilesTest, AWriterThatWaitsForAReaderOfAFifoIsNotWoken) {
  ASSERT_EQ(::mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  EXPECT_FALSE(Files().Open(root_ + "/fifo").ok());
  // A reader that has come would let this succeed.
  const base::UniqueFd writer(::open((root_ + "/fifo").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_FALSE(writer.valid());
}

TEST_P(AllowedFilesTest, WhatIsOpenStaysTheSameFileWhateverHappensToItsPath) {
  const auto file = Files().Open(root_ + "/file");
  ASSERT_TRUE(file.ok()) << file.status();
  fs::remove(root_ + "/file");
  fs::create_symlink("/etc/passwd", root_ + "/file");
  char text[6];
  ASSERT_EQ(::read(file->get(), text, sizeof text), 6);
  EXPECT_EQ(std::string(text, 6), "inside");
  EXPECT_NE(::fcntl(file->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_P(AllowedFilesTest, AFileThatMayNotBeReadIsNone) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  ASSERT_EQ(::chmod((root_ + "/file").c_str(), 0), 0);
  EXPECT_EQ(Files().Open(root_ + "/file").status(), absl::NotFoundError(kRefusal));
}

INSTANTIATE_TEST_SUITE_P(Resolutions, AllowedFilesTest,
                         testing::Values(Resolution::kBest, Resolution::kStepwise),
                         [](const auto& run) {
                           return run.param == Resolution::kBest ? "Best" : "Stepwise";
                         });

TEST(AllowedFilesRootTest, IsAnAbsolutePathWithoutParents) {
  EXPECT_TRUE(AllowedFiles::CheckRoot("/usr").ok());
  EXPECT_TRUE(AllowedFiles::CheckRoot("/").ok());
  for (const char* root : {"", "usr", "./usr", "/usr/..", "/../usr", "/usr/../etc"}) {
    EXPECT_EQ(AllowedFiles::CheckRoot(root).code(), absl::StatusCode::kInvalidArgument) << root;
  }
}

}  // namespace
}  // namespace daemoneye::file
