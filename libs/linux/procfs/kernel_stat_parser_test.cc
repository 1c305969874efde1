#include "libs/linux/procfs/kernel_stat_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace daemoneye::procfs {
namespace {

using ::testing::HasSubstr;

TEST(KernelStatParserTest, ReadsTheCounters) {
  const auto stat = ParseKernelStat(
      "cpu  1 2 3\nintr 5 0 0\nctxt 7\nbtime 1700000000\nprocesses 12345\nprocs_running 3\n"
      "procs_blocked 1\nsoftirq 1 2\n");
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_EQ(stat->processes_started_count, 12345u);
  EXPECT_EQ(stat->boot_time_seconds, 1700000000);
  EXPECT_EQ(stat->running_count, 3u);
  EXPECT_EQ(stat->blocked_count, 1u);
}

TEST(KernelStatParserTest, NamesTheFieldThatLacksOrIsBroken) {
  const struct {
    std::string_view text;
    std::string_view field;
  } kCases[] = {
      {"", "field=processes"},
      {"btime 1\n", "field=processes"},
      {"processes 1\n", "field=btime"},
      {"btime 1\nprocesses \n", "field=processes"},
      {"btime 1\nprocesses -1\n", "field=processes"},
      {"btime x\nprocesses 1\n", "field=btime"},
      {"btime 1\nprocesses 1\nprocs_running 1 2\n", "field=procs_running"},
  };
  for (const auto& c : kCases) {
    const auto stat = ParseKernelStat(c.text);
    EXPECT_EQ(stat.status().code(), absl::StatusCode::kDataLoss) << c.text;
    EXPECT_THAT(std::string(stat.status().message()), HasSubstr(std::string(c.field))) << c.text;
  }
}

}  // namespace
}  // namespace daemoneye::procfs
