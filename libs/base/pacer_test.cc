#include "libs/base/pacer.h"

#include <gtest/gtest.h>

namespace daemoneye::base {
namespace {

// The interval after one second of that rate, told every 10 ms.
absl::Duration IntervalAt(uint64_t events_per_second) {
  Pacer pacer;
  Monotonic now{std::chrono::hours(1)};
  for (int i = 0; i < 100; ++i) {
    now = now + absl::Milliseconds(10);
    pacer.Record(events_per_second / 100, now);
  }
  return pacer.Interval();
}

TEST(PacerTest, IntervalFollowsTheRateWithinItsBounds) {
  const struct {
    uint64_t rate;
    double milliseconds;
  } cases[] = {{0, 1}, {100, 1}, {3'500, 1}, {4'000, 4}, {5'000, 10}, {500'000, 10}};
  for (const auto& c : cases) {
    EXPECT_NEAR(absl::ToDoubleMilliseconds(IntervalAt(c.rate)), c.milliseconds, 0.01) << c.rate;
  }
}

TEST(PacerTest, SilenceBringsTheShortestIntervalBack) {
  Pacer pacer;
  Monotonic now{std::chrono::hours(1)};
  for (int i = 0; i < 100; ++i) {
    now = now + absl::Milliseconds(10);
    pacer.Record(1'000, now);
  }
  EXPECT_EQ(pacer.Interval(), absl::Milliseconds(10));
  pacer.Record(1, now + absl::Seconds(5));
  EXPECT_EQ(pacer.Interval(), absl::Milliseconds(1));
}

}  // namespace
}  // namespace daemoneye::base
