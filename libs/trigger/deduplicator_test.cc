#include "libs/trigger/deduplicator.h"

#include <gtest/gtest.h>

namespace daemoneye::trigger {
namespace {

using base::operator+;

constexpr base::Monotonic kStart{std::chrono::hours(1)};

base::Monotonic At(int second) { return kStart + absl::Seconds(second); }

TEST(TriggerDeduplicatorTest, HoldsBackUntilTheExpiryAndTellsHowMany) {
  Deduplicator dedup(10);
  EXPECT_FALSE(dedup.HoldsBack("a", At(0)));
  dedup.Record("a", At(300));
  EXPECT_TRUE(dedup.HoldsBack("a", At(1)));
  EXPECT_TRUE(dedup.HoldsBack("a", At(299)));
  EXPECT_FALSE(dedup.HoldsBack("b", At(299)));
  EXPECT_FALSE(dedup.HoldsBack("a", At(300)));
  EXPECT_EQ(dedup.held_back("a"), 2u);
  dedup.Record("a", At(600));
  EXPECT_EQ(dedup.held_back("a"), 0u);
  EXPECT_TRUE(dedup.HoldsBack("a", At(301)));
}

TEST(TriggerDeduplicatorTest, WhatHeldNothingBackIsForgottenAtItsEndAndTheRestAnHourLater) {
  Deduplicator dedup(10);
  dedup.Record("silent", At(300));
  dedup.Record("busy", At(300));
  EXPECT_TRUE(dedup.HoldsBack("busy", At(1)));
  EXPECT_FALSE(dedup.HoldsBack("x", At(301)));
  EXPECT_EQ(dedup.size(), 1u);
  EXPECT_EQ(dedup.held_back("busy"), 1u);
  EXPECT_FALSE(dedup.HoldsBack("x", At(300) + Deduplicator::kRemember));
  EXPECT_EQ(dedup.size(), 0u);
}

TEST(TriggerDeduplicatorTest, TheOneThatWouldBeForgottenFirstMakesRoomAndIsCounted) {
  Deduplicator dedup(2);
  dedup.Record("long", At(300));
  dedup.Record("short", At(100));
  dedup.Record("new", At(200));
  EXPECT_EQ(dedup.evicted(), 1u);
  EXPECT_FALSE(dedup.HoldsBack("short", At(1)));
  EXPECT_TRUE(dedup.HoldsBack("long", At(1)));
  EXPECT_TRUE(dedup.HoldsBack("new", At(1)));
}

TEST(TriggerDeduplicatorTest, ForgetsAllOfATrigger) {
  Deduplicator dedup(10);
  for (const char* key : {"t/1", "t/2", "u/1"}) dedup.Record(key, At(300));
  EXPECT_TRUE(dedup.HoldsBack("t/1", At(1)));
  dedup.Forget("t/");
  EXPECT_FALSE(dedup.HoldsBack("t/1", At(1)));
  EXPECT_FALSE(dedup.HoldsBack("t/2", At(1)));
  EXPECT_TRUE(dedup.HoldsBack("u/1", At(1)));
}

}  // namespace
}  // namespace daemoneye::trigger
