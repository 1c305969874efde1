#include "libs/alerting/deduplicator.h"

#include "gmock/gmock.h"
#include "libs/base/fake_clock.h"

namespace daemoneye::alerting {
namespace {

constexpr absl::Duration kWindow = absl::Seconds(300);

class DeduplicatorTest : public ::testing::Test {
 protected:
  base::Monotonic now() const { return clock_.MonotonicNow(); }
  base::FakeClock clock_;
  Deduplicator dedup_{3};
};

TEST_F(DeduplicatorTest, HoldsBackWithinTheWindowAndCounts) {
  EXPECT_FALSE(dedup_.HoldsBack("a", now()));
  dedup_.Accept("a", kWindow, now());
  clock_.Advance(kWindow - absl::Nanoseconds(1));
  EXPECT_TRUE(dedup_.HoldsBack("a", now()));
  EXPECT_TRUE(dedup_.HoldsBack("a", now()));
  EXPECT_FALSE(dedup_.HoldsBack("b", now()));
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_FALSE(dedup_.HoldsBack("a", now()));
  EXPECT_EQ(dedup_.held_back("a"), 2u);
}

TEST_F(DeduplicatorTest, BeginsAWindowWithTheAcceptedAlertOnly) {
  dedup_.Accept("a", kWindow, now());
  for (int i = 0; i < 9; ++i) {
    clock_.Advance(kWindow / 10);
    EXPECT_TRUE(dedup_.HoldsBack("a", now())) << i;
  }
  clock_.Advance(kWindow / 10);
  EXPECT_FALSE(dedup_.HoldsBack("a", now()));
  dedup_.Accept("a", kWindow, now());
  EXPECT_EQ(dedup_.held_back("a"), 0u);
  EXPECT_TRUE(dedup_.HoldsBack("a", now()));
}

TEST_F(DeduplicatorTest, MakesRoomForgettingTheOldestWindow) {
  for (const char* key : {"a", "b", "c"}) dedup_.Accept(key, kWindow, now());
  EXPECT_TRUE(dedup_.HoldsBack("b", now()));
  clock_.Advance(kWindow);
  dedup_.Accept("a", kWindow, now());  // b is the oldest now
  dedup_.Accept("d", kWindow, now());
  EXPECT_EQ(dedup_.size(), 3u);
  EXPECT_EQ(dedup_.forgotten(), 1u);
  EXPECT_EQ(dedup_.held_back("b"), 0u);
  EXPECT_TRUE(dedup_.HoldsBack("a", now()));
}

TEST_F(DeduplicatorTest, ZeroWindowHoldsBackNothing) {
  dedup_.Accept("a", absl::ZeroDuration(), now());
  EXPECT_FALSE(dedup_.HoldsBack("a", now()));
  EXPECT_EQ(dedup_.size(), 0u);
}

}  // namespace
}  // namespace daemoneye::alerting
