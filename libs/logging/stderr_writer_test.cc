#include "libs/logging/stderr_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "libs/base/clock.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::logging {
namespace {

class StderrWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    int fds[2];
    ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
    read_end_ = base::UniqueFd(fds[0]);
    write_end_ = base::UniqueFd(fds[1]);
    fcntl(fds[1], F_SETPIPE_SZ, 8192);  // two lines of 4096 bytes
  }

  std::string ReadSome() {
    char buffer[8192];
    const ssize_t count = read(read_end_.get(), buffer, sizeof(buffer));
    return std::string(buffer, count > 0 ? static_cast<size_t>(count) : 0);
  }

  base::UniqueFd read_end_, write_end_;
};

TEST_F(StderrWriterTest, EndsEachLine) {
  StderrWriter writer(write_end_.get());
  writer.WriteLine("one");
  writer.WriteLine("two");
  EXPECT_EQ(ReadSome(), "one\ntwo\n");
  EXPECT_EQ(writer.dropped_lines(), 0u);
}

TEST_F(StderrWriterTest, AStuckReaderCostsLinesAndNotTime) {
  StderrWriter writer(write_end_.get());
  const std::string line(4095, 'x');
  writer.WriteLine(line);
  writer.WriteLine(line);
  const base::Monotonic start = base::Clock::Real().MonotonicNow();
  for (int i = 0; i < 1000; ++i) writer.WriteLine(line);
  EXPECT_EQ(writer.dropped_lines(), 1000u);
  EXPECT_LT(base::Elapsed(start, base::Clock::Real().MonotonicNow()), absl::Seconds(2));

  EXPECT_EQ(ReadSome(), line + "\n" + line + "\n");
  writer.WriteLine("again");
  EXPECT_EQ(ReadSome(), "again\n");
  EXPECT_EQ(writer.dropped_lines(), 1000u);
}

TEST_F(StderrWriterTest, AClosedDescriptorCostsLinesOnly) {
  StderrWriter writer(-1);
  writer.WriteLine("lost");
  EXPECT_EQ(writer.dropped_lines(), 1u);
}

}  // namespace
}  // namespace daemoneye::logging
