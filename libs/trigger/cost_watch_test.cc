#include "libs/trigger/cost_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::trigger {
namespace {

using base::operator+;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr base::Monotonic kStart{std::chrono::hours(1)};

// The second in which a trigger is suspended that takes `cpu_a_second` for `events_a_second`;
// nullopt: not within five minutes.
std::optional<int> SuspendedAfter(absl::Duration cpu_a_second, uint64_t events_a_second,
                                  double cpu_ratio = 1) {
  CostWatch watch;
  for (int i = 1; i <= 300; ++i) {
    const auto why =
        watch.AddCost(i * cpu_a_second, i * events_a_second, cpu_ratio, kStart + absl::Seconds(i));
    if (why.has_value()) return i;
  }
  return std::nullopt;
}

TEST(CostWatchTest, WhatTakesAWholeCoreIsSuspendedWithinSeconds) {
  EXPECT_THAT(SuspendedAfter(absl::Seconds(1), 1000), Optional(Eq(7)));
}

TEST(CostWatchTest, WhatTakesMoreThanItsShareIsSuspendedWithinHalfAMinute) {
  EXPECT_THAT(SuspendedAfter(absl::Milliseconds(250), 1000), Optional(Eq(25)));
}

TEST(CostWatchTest, WhatStaysWithinItsShareRunsOn) {
  EXPECT_EQ(SuspendedAfter(absl::Milliseconds(190), 1000), std::nullopt);
}

TEST(CostWatchTest, WhatIsCheapAnEventRunsOnHoweverManyThereAre) {
  EXPECT_EQ(SuspendedAfter(absl::Seconds(1), 100'000), std::nullopt);
}

TEST(CostWatchTest, ABusyMachineIsNotTheTriggersFault) {
  EXPECT_EQ(SuspendedAfter(absl::Milliseconds(600), 1000, 0.25), std::nullopt);
}

TEST(CostWatchTest, ACostThatPassedIsForgotten) {
  CostWatch watch;
  EXPECT_EQ(watch.AddCost(absl::Seconds(5), 100, 1, kStart), std::nullopt);
  EXPECT_EQ(watch.AddCost(absl::Seconds(10), 200, 1, kStart + absl::Seconds(31)), std::nullopt);
  EXPECT_THAT(watch.AddCost(absl::Seconds(12), 300, 1, kStart + absl::Seconds(32)),
              Optional(HasSubstr("took 7.0 s of CPU time within 30 s, 35000 us an event")));
}

TEST(CostWatchTest, ANewSetsTotalsBeginAtZero) {
  CostWatch watch;
  EXPECT_EQ(watch.AddCost(absl::Seconds(5), 100, 1, kStart), std::nullopt);
  EXPECT_EQ(watch.AddCost(absl::Milliseconds(500), 10, 1, kStart + absl::Seconds(1)), std::nullopt);
  EXPECT_NE(watch.AddCost(absl::Seconds(2), 40, 1, kStart + absl::Seconds(2)), std::nullopt);
  EXPECT_EQ(watch.AddCutOffs(9, "e", kStart), std::nullopt);
  EXPECT_THAT(watch.AddCutOffs(1, "e", kStart),
              Optional(Eq("cut off 10 times within a minute: e")));
}

TEST(CostWatchTest, CutOffsCountForAMinute) {
  CostWatch watch;
  EXPECT_EQ(watch.AddCutOffs(9, "e", kStart), std::nullopt);
  EXPECT_EQ(watch.AddCutOffs(10, "e", kStart + absl::Seconds(61)), std::nullopt);
  EXPECT_EQ(watch.AddCutOffs(18, "e", kStart + absl::Seconds(62)), std::nullopt);
  EXPECT_NE(watch.AddCutOffs(19, "e", kStart + absl::Seconds(63)), std::nullopt);
}

}  // namespace
}  // namespace daemoneye::trigger
