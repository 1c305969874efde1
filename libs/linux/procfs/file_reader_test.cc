#include "libs/linux/procfs/file_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "libs/base/unique_fd.h"
#include "libs/linux/procfs/fake_proc.h"

namespace daemoneye::procfs {
namespace {

class FileReaderTest : public ::testing::Test {
 protected:
  FakeProc fake_;
  base::UniqueFd dir_{::open(fake_.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
};

TEST_F(FileReaderTest, GrowsTheBufferToTheFileAndKeepsItsSize) {
  std::string content;
  for (int i = 0; i < 1000; ++i) content += std::to_string(i);
  fake_.WriteFile("long", content);
  TextBuffer buffer(64);
  std::string_view text;
  ASSERT_EQ(ReadFileAt(dir_.get(), "long", buffer, text), 0);
  EXPECT_EQ(text, content);
  const size_t grown = buffer.size();
  EXPECT_GT(grown, content.size());
  ASSERT_EQ(ReadFileAt(dir_.get(), "long", buffer, text), 0);
  EXPECT_EQ(buffer.size(), grown);
}

TEST_F(FileReaderTest, CutsAtTheBound) {
  fake_.WriteFile("long", std::string(1000, 'x'));
  TextBuffer buffer(64, 100);
  std::string_view text;
  ASSERT_EQ(ReadFileAt(dir_.get(), "long", buffer, text), 0);
  EXPECT_EQ(text, std::string(100, 'x'));
}

TEST_F(FileReaderTest, AFileThatJustFillsTheBufferIsWhole) {
  fake_.WriteFile("just", std::string(64, 'x'));
  TextBuffer buffer(64, 64);
  std::string_view text;
  ASSERT_EQ(ReadFileAt(dir_.get(), "just", buffer, text), 0);
  EXPECT_EQ(text.size(), 64u);
}

TEST_F(FileReaderTest, GivesTheErrno) {
  TextBuffer buffer(64);
  std::string_view text;
  EXPECT_EQ(ReadFileAt(dir_.get(), "not there", buffer, text), ENOENT);
  EXPECT_EQ(ReadFileAt(dir_.get(), "sys", buffer, text), EISDIR);
  EXPECT_EQ(ReadLinkAt(dir_.get(), "stat", buffer, text), EINVAL);
}

TEST(ErrnoStatusTest, MeansWhatCallersActUpon) {
  const struct {
    int error;
    absl::StatusCode code;
  } kCases[] = {
      {ENOENT, absl::StatusCode::kNotFound},
      {ESRCH, absl::StatusCode::kNotFound},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EPERM, absl::StatusCode::kPermissionDenied},
      {EMFILE, absl::StatusCode::kResourceExhausted},
      {ENOMEM, absl::StatusCode::kResourceExhausted},
      {ENAMETOOLONG, absl::StatusCode::kResourceExhausted},
      {EIO, absl::StatusCode::kInternal},
  };
  for (const auto& c : kCases) EXPECT_EQ(ErrnoStatus(c.error, "what").code(), c.code) << c.error;
}

}  // namespace
}  // namespace daemoneye::procfs
