#include "libs/linux/procfs/status_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace daemoneye::procfs {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kIds = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n";

TEST(StatusParserTest, ReadsEveryField) {
  const auto status = ParseStatus(
      "Name:\tx\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t42\nTracerPid:\t7\n"
      "Uid:\t1000\t1001\t1002\t1003\nGid:\t100\t101\t102\t103\nGroups:\t4 24 27 \n"
      "NStgid:\t42\t8\t1\nNSpid:\t42\t8\t1\nNSpgid:\t42\t8\t1\nKthread:\t0\nThreads:\t12\n"
      "CapInh:\t0000000000000001\nCapPrm:\t0000000000000002\nCapEff:\t000001ffffffffff\n"
      "CapBnd:\t0000000000000008\nCapAmb:\t0000000000000010\nNoNewPrivs:\t1\nSeccomp:\t2\n"
      "Seccomp_filters:\t1\nCapNotYetInvented: what\n");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->uid, (Credential{1000, 1001, 1002, 1003}));
  EXPECT_EQ(status->gid, (Credential{100, 101, 102, 103}));
  EXPECT_EQ(status->capabilities, (CapabilitySets{1, 2, 0x1ffffffffff, 8, 16}));
  EXPECT_EQ(status->innermost_pid, 1u);
  EXPECT_EQ(status->pid_namespace_depth, 2u);
  EXPECT_EQ(status->tracer_pid, 7u);
  EXPECT_EQ(status->thread_count, 12u);
  EXPECT_EQ(status->is_kernel_thread, false);
  EXPECT_EQ(status->has_no_new_privileges, true);
  EXPECT_EQ(status->seccomp_mode, 2u);
}

TEST(StatusParserTest, WhatIsNotToldIsAbsent) {
  const auto status = ParseStatus(kIds);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->capabilities, std::nullopt);
  EXPECT_EQ(status->innermost_pid, std::nullopt);
  EXPECT_EQ(status->pid_namespace_depth, 0u);
  EXPECT_EQ(status->tracer_pid, std::nullopt);
  EXPECT_EQ(status->thread_count, std::nullopt);
  EXPECT_EQ(status->is_kernel_thread, std::nullopt);
  EXPECT_EQ(status->has_no_new_privileges, std::nullopt);
  EXPECT_EQ(status->seccomp_mode, std::nullopt);
}

TEST(StatusParserTest, TheOverflowIdIsANumberLikeAnyOther) {
  const auto status =
      ParseStatus("Uid:\t4294967295\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->uid.real, 4294967295u);
}

TEST(StatusParserTest, NamesTheFieldThatIsBroken) {
  const std::string ids(kIds);
  const struct {
    std::string text;
    std::string field;
  } kCases[] = {
      {"", "field=Uid"},
      {std::string(100, '\0'), "field=Uid"},
      {"Uid:\t0\t0\t0\t0\n", "field=Gid"},
      {"Uid:\t0\t0\t0\n", "field=Uid"},
      {"Uid:\t-1\t0\t0\t0\n", "field=Uid"},
      {"Uid:\t4294967296\t0\t0\t0\n", "field=Uid"},
      {ids + "CapEff:\tzz\n", "field=CapEff"},
      {ids + "CapEff:\t10000000000000000\n", "field=CapEff"},
      {ids + "NSpid:\n", "field=NSpid"},
      {ids + "NSpid:\t1\tx\n", "field=NSpid"},
      {ids + "Threads:\tmany\n", "field=Threads"},
      {ids + "Kthread:\tno\n", "field=Kthread"},
  };
  for (const auto& c : kCases) {
    const auto status = ParseStatus(c.text);
    EXPECT_EQ(status.status().code(), absl::StatusCode::kDataLoss) << c.text;
    EXPECT_THAT(std::string(status.status().message()), HasSubstr(c.field)) << c.text;
  }
}

}  // namespace
}  // namespace daemoneye::procfs
