#include "libs/trigger/window_buffer.h"

#include <gtest/gtest.h>

#include <string>

namespace daemoneye::trigger {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

SharedEvent At(double second, size_t bytes = 100) {
  return {.event = std::make_shared<const v1::CollectionEvent>(),
          .time = kStart + absl::Seconds(second),
          .bytes = bytes};
}

TEST(WindowBufferTest, HoldsWhatLiesInTheWindowAndLetsTheRestGo) {
  WindowBuffer buffer(absl::Seconds(10));
  for (const double second : {0.0, 5.0, 9.0, 10.0, 12.0}) buffer.Add(At(second));
  EXPECT_EQ(buffer.Select(kStart + absl::Seconds(10)).size(), 3u) << "its end is not in it";
  EXPECT_EQ(buffer.events(), 5u);
  EXPECT_EQ(buffer.Select(kStart + absl::Seconds(15)).size(), 4u) << "its begin is";
  EXPECT_EQ(buffer.events(), 4u);
  EXPECT_EQ(buffer.bytes(), 400u);
  EXPECT_EQ(buffer.dropped(), 0u);
}

TEST(WindowBufferTest, EventsAreBoundedTheOldestGoesAndIsCounted) {
  WindowBuffer buffer(absl::Hours(1));
  for (size_t i = 0; i < WindowBuffer::kMaxEvents + 5; ++i) buffer.Add(At(0, 1));
  EXPECT_EQ(buffer.events(), WindowBuffer::kMaxEvents);
  EXPECT_EQ(buffer.bytes(), WindowBuffer::kMaxEvents);
  EXPECT_EQ(buffer.dropped(), 5u);
}

TEST(WindowBufferTest, BytesAreBoundedTooButOneEventIsAlwaysKept) {
  WindowBuffer buffer(absl::Hours(1));
  for (int i = 0; i < 10; ++i) buffer.Add(At(i, WindowBuffer::kMaxBytes / 4));
  EXPECT_EQ(buffer.events(), 4u);
  EXPECT_LE(buffer.bytes(), WindowBuffer::kMaxBytes);
  EXPECT_EQ(buffer.dropped(), 6u);
  buffer.Add(At(10, 2 * WindowBuffer::kMaxBytes));
  EXPECT_EQ(buffer.events(), 1u);
}

TEST(WindowBufferTest, IsDueAtEachStepOnceAndMakesUpForThoseNobodyAskedFor) {
  WindowBuffer buffer(absl::Seconds(30));  // a step of 3 s
  const absl::Time first = absl::UnixEpoch() + absl::Seconds(3000);
  absl::Time at;
  ASSERT_TRUE(buffer.IsDue(first + absl::Seconds(1), &at));
  EXPECT_EQ(at, first);
  EXPECT_FALSE(buffer.IsDue(first + absl::Seconds(2), &at));
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(buffer.IsDue(first + absl::Seconds(10), &at));
    EXPECT_EQ(at, first + absl::Seconds(3 * i));
  }
  EXPECT_FALSE(buffer.IsDue(first + absl::Seconds(10), &at));
  int steps = 0;
  while (buffer.IsDue(first + absl::Hours(24), &at)) ++steps;
  EXPECT_EQ(steps, WindowBuffer::kMaxMadeUp + 1);
  EXPECT_EQ(at, first + absl::Hours(24));
}

TEST(WindowBufferTest, AKeyIsNewWhenItAppearsAndAgainWhenItWasGone) {
  WindowBuffer buffer(absl::Seconds(10));
  EXPECT_TRUE(buffer.IsNew("a"));
  EXPECT_FALSE(buffer.IsNew("a")) << "twice in one evaluation";
  buffer.EndEvaluation();
  EXPECT_FALSE(buffer.IsNew("a")) << "it still holds";
  EXPECT_TRUE(buffer.IsNew("b"));
  buffer.EndEvaluation();
  EXPECT_FALSE(buffer.IsNew("b"));
  buffer.EndEvaluation();
  EXPECT_TRUE(buffer.IsNew("a")) << "it was gone";
  EXPECT_FALSE(buffer.IsNew("b"));
}

TEST(WindowBufferTest, KeysOfAnEvaluationAreBounded) {
  WindowBuffer buffer(absl::Seconds(10));
  for (size_t i = 0; i < WindowBuffer::kMaxKeys; ++i) {
    EXPECT_TRUE(buffer.IsNew(std::to_string(i)));
  }
  EXPECT_FALSE(buffer.IsNew("one more"));
}

TEST(WindowBufferTest, ATimeFarFromWhenItWasSeenIsNotBelieved) {
  v1::CollectionEvent event;
  event.mutable_event_time()->set_seconds(1000);
  event.mutable_observed_time()->set_seconds(1000 + 86'400);
  EXPECT_EQ(ShareEvent(event).time, absl::FromUnixSeconds(1000));
  event.mutable_observed_time()->set_seconds(1000 + 86'401);
  EXPECT_EQ(ShareEvent(event).time, absl::FromUnixSeconds(1000 + 86'401));
}

}  // namespace
}  // namespace daemoneye::trigger
