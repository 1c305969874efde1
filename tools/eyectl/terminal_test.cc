#include "tools/eyectl/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "libs/base/unique_fd.h"

namespace daemoneye::eyectl {
namespace {

struct Terminal {
  base::UniqueFd ours, theirs;
};

Terminal OpenTerminal() {
  int master = -1, slave = -1;
  winsize size{};
  size.ws_col = 72;
  EXPECT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
  return {base::UniqueFd(master), base::UniqueFd(slave)};
}

TEST(StyleTest, PaintsOnATerminalOnly) {
  ::setenv("TERM", "xterm", 1);
  ::unsetenv("NO_COLOR");
  const Terminal terminal = OpenTerminal();
  EXPECT_EQ(Style::For(terminal.theirs.get()).Paint(Tone::kAlarm, "x"), "\x1b[1;31mx\x1b[0m");
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const base::UniqueFd reader(pipe_ends[0]), writer(pipe_ends[1]);
  EXPECT_EQ(Style::For(writer.get()).Paint(Tone::kAlarm, "x"), "x");
}

TEST(StyleTest, HonoursNoColorAndDumbTerminals) {
  const Terminal terminal = OpenTerminal();
  ::setenv("TERM", "xterm", 1);
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_EQ(Style::For(terminal.theirs.get()).Paint(Tone::kGood, "x"), "x");
  // no-color.org: only a value that is not empty counts.
  ::setenv("NO_COLOR", "", 1);
  EXPECT_EQ(Style::For(terminal.theirs.get()).Paint(Tone::kGood, "x"), "\x1b[32mx\x1b[0m");
  ::setenv("TERM", "dumb", 1);
  EXPECT_EQ(Style::For(terminal.theirs.get()).Paint(Tone::kGood, "x"), "x");
}

TEST(OutputTest, KnowsTheColumnsOfATerminalAndThatAPipeHasNone) {
  const Terminal terminal = OpenTerminal();
  EXPECT_EQ(Output(terminal.theirs.get()).Columns(), 72);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const base::UniqueFd reader(pipe_ends[0]), writer(pipe_ends[1]);
  EXPECT_EQ(Output(writer.get()).Columns(), 0);
}

TEST(OutputTest, SaysThatTheReaderIsGone) {
  std::signal(SIGPIPE, SIG_IGN);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  base::UniqueFd reader(pipe_ends[0]), writer(pipe_ends[1]);
  Output output(writer.get());
  EXPECT_TRUE(output.Write("x").ok());
  reader.Reset();
  EXPECT_TRUE(absl::IsCancelled(output.Write("x")));
}

TEST(OutputTest, AFullDiskIsAnError) {
  const base::UniqueFd full(::open("/dev/full", 1));
  EXPECT_TRUE(absl::IsUnavailable(Output(full.get()).Write("x")));
}

}  // namespace
}  // namespace daemoneye::eyectl
