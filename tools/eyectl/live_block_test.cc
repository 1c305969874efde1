#include "tools/eyectl/live_block.h"

#include <gmock/gmock.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

#include "libs/base/unique_fd.h"

namespace daemoneye::eyectl {
namespace {

TEST(CutLineTest, CutsAtTheColumnAndEndsItsColour) {
  const struct {
    const char* line;
    int columns;
    const char* cut;
  } cases[] = {
      {"abc", 3, "abc"},
      {"abcd", 3, "abc"},
      {"", 3, ""},
      {"\x1b[32mab\x1b[0mc", 3, "\x1b[32mab\x1b[0mc"},
      {"\x1b[32mabcd\x1b[0m", 3, "\x1b[32mabc\x1b[0m"},
      {"a\xc3\xa9z", 3, "a\xc3\xa9"},  // two columns, perhaps
      {"ab\xe2\x82\xac", 3, "ab"},
  };
  for (const auto& c : cases) EXPECT_EQ(CutLine(c.line, c.columns), c.cut);
}

TEST(LiveBlockTest, DrawsOverWhatWasThere) {
  winsize size{.ws_row = 24, .ws_col = 30, .ws_xpixel = 0, .ws_ypixel = 0};
  int master = -1, slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
  const base::UniqueFd master_fd(master), slave_fd(slave);
  Output out(slave);
  LiveBlock block(out);
  ASSERT_TRUE(block.Draw("one\ntwo " + std::string(40, 'x') + "\n").ok());
  ASSERT_TRUE(block.Draw("three\n").ok());
  ASSERT_TRUE(block.Draw("four\n").ok());
  const std::string many(2 * (LiveBlock::kMaxLines + 1), '\n');
  ASSERT_TRUE(block.Draw(many).ok());
  ASSERT_TRUE(block.Draw("last\n").ok());
  const std::string wanted =
      "one\r\ntwo " + std::string(26, 'x') + "\r\n\x1b[2F\x1b[Jthree\r\n\x1b[1F\x1b[Jfour\r\n";
  std::string read;
  char buffer[4096];
  while (read.find("last\r\n") == std::string::npos) {
    const ssize_t n = ::read(master, buffer, sizeof(buffer));
    ASSERT_GT(n, 0);
    read.append(buffer, static_cast<size_t>(n));
  }
  EXPECT_EQ(read.substr(0, wanted.size()), wanted);
  EXPECT_EQ(read.find("\x1b", wanted.size()), std::string::npos) << "too many lines to go back";
}

}  // namespace
}  // namespace daemoneye::eyectl
