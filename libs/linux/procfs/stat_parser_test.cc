#include "libs/linux/procfs/stat_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace daemoneye::procfs {
namespace {

using ::testing::HasSubstr;

// Behind the state: ppid 7, ..., tty 34816, flags 4194560, faults 11 and 13, utime 17, stime 19,
// nice -5, threads 3, start 987654321012, vsize, rss, and the rest to exit_code.
constexpr std::string_view kRequired =
    " S 7 8 9 34816 42 4194560 11 12 13 14 17 19 0 0 15 -5 3 0 987654321012 4096000 25";
// From rsslim: code 101 to 102, stack 103, data 104 to 105, heap 106.
constexpr std::string_view kRest =
    " 18446744073709551615 101 102 103 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 104 105 106 0 0 0 0 256\n";

std::string Text(std::string_view comm) {
  return "42 (" + std::string(comm) + ")" + std::string(kRequired) + std::string(kRest);
}

TEST(StatParserTest, ReadsEveryField) {
  const std::string text = Text("sshd");
  const auto stat = ParseStat(text, 4096);
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_EQ(stat->pid, 42);
  EXPECT_EQ(stat->comm, "sshd");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->ppid, 7);
  EXPECT_EQ(stat->pgrp, 8);
  EXPECT_EQ(stat->session, 9);
  EXPECT_EQ(stat->tty_nr, 34816u);
  EXPECT_EQ(stat->flags, 4194560u);
  EXPECT_EQ(stat->minor_faults_count, 11u);
  EXPECT_EQ(stat->major_faults_count, 13u);
  EXPECT_EQ(stat->utime_ticks, 17u);
  EXPECT_EQ(stat->stime_ticks, 19u);
  EXPECT_EQ(stat->nice, -5);
  EXPECT_EQ(stat->num_threads, 3u);
  EXPECT_EQ(stat->start_ticks, 987654321012u);
  EXPECT_EQ(stat->vsize_bytes, 4096000u);
  EXPECT_EQ(stat->rss_bytes, 25u * 4096);
  EXPECT_EQ(stat->start_code, 101u);
  EXPECT_EQ(stat->end_code, 102u);
  EXPECT_EQ(stat->start_stack, 103u);
  EXPECT_EQ(stat->start_data, 104u);
  EXPECT_EQ(stat->start_brk, 106u);
  EXPECT_EQ(stat->exit_code, 256);
  EXPECT_FALSE(stat->is_kernel_thread());
  EXPECT_FALSE(stat->is_zombie());
}

TEST(StatParserTest, AcceptsAnyBytesInComm) {
  for (const std::string_view comm :
       {") R 1 1 1", "a\nb) Z 2", ")))(((", "", " ", "\xff\xfe\x80", "(sd-pam)",
        "kworker/u64:3+flush-254:0-with-a-long-name-of-more-than-60-byte"}) {
    const std::string text = Text(comm);
    const auto stat = ParseStat(text, 4096);
    ASSERT_TRUE(stat.ok()) << comm << stat.status();
    EXPECT_EQ(stat->comm, comm);
    EXPECT_EQ(stat->ppid, 7) << comm;
    EXPECT_EQ(stat->state, 'S') << comm;
  }
}

TEST(StatParserTest, TellsKernelThreadsAndZombies) {
  const auto thread =
      ParseStat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 24 0 0", 1);
  ASSERT_TRUE(thread.ok()) << thread.status();
  EXPECT_TRUE(thread->is_kernel_thread());
  const auto zombie = ParseStat("2 (z) Z 0 0 0 0 -1 4228100 0 0 0 0 0 0 0 0 20 0 1 0 24 0 0", 1);
  ASSERT_TRUE(zombie.ok()) << zombie.status();
  EXPECT_TRUE(zombie->is_zombie());
}

TEST(StatParserTest, TakesAResidentSizeBelowZeroAsNone) {
  const auto stat = ParseStat("2 (x) S 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 24 0 -3", 4096);
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_EQ(stat->rss_bytes, 0u);
}

TEST(StatParserTest, AnyPrefixIsWholeEnoughOrDataLoss) {
  const std::string text = Text("x) y");
  const size_t enough = text.size() - kRest.size();
  for (size_t length = 0; length < text.size(); ++length) {
    const auto stat = ParseStat(std::string_view(text).substr(0, length), 4096);
    if (length < enough - 1) {
      EXPECT_EQ(stat.status().code(), absl::StatusCode::kDataLoss) << length;
    }
    if (length == enough) {
      EXPECT_TRUE(stat.ok()) << stat.status();
    }
  }
}

TEST(StatParserTest, NamesTheFieldThatIsBroken) {
  const struct {
    std::string_view text;
    std::string_view field;
  } kCases[] = {
      {"", "field=comm"},
      {"1 no parentheses S", "field=comm"},
      {") 1 (", "field=comm"},
      {"x (a) S 1", "field=pid"},
      {"99999999999 (a) S 1", "field=pid"},
      {"1 (a)", "field=state"},
      {"1 (a)S 1", "field=state"},
      {"1 (a) S one", "field=ppid"},
      {"1 (a) S 1 2", "field=session"},
      {"1 (a) S 1 1 1 0 -1 4294967296", "field=flags"},
      {"1 (a) S 1 1 1 0 -1 0 0 0 0 0 99999999999999999999", "field=utime_ticks"},
      {"1 (a) S 1 1 1 0 -1 0 0 0 0 0 -1", "field=utime_ticks"},
      {"1 (a) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5x 0 0", "field=start_ticks"},
  };
  for (const auto& c : kCases) {
    const auto stat = ParseStat(c.text, 4096);
    EXPECT_EQ(stat.status().code(), absl::StatusCode::kDataLoss) << c.text;
    EXPECT_THAT(std::string(stat.status().message()), HasSubstr(std::string(c.field))) << c.text;
    EXPECT_THAT(std::string(stat.status().message()), HasSubstr("file=stat"));
  }
}

TEST(StatParserTest, AnExcerptIsShortAndSafeToPrint) {
  const std::string text = "1 (a\x1b[31m) S \x1b[2J" + std::string(1000, 'x');
  const std::string message(ParseStat(text, 4096).status().message());
  EXPECT_EQ(message.find('\x1b'), std::string::npos) << message;
  EXPECT_LT(message.size(), 400u);
}

}  // namespace
}  // namespace daemoneye::procfs
