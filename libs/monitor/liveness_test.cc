#include "libs/monitor/liveness.h"

#include <gtest/gtest.h>

#include "libs/base/fake_clock.h"

namespace daemoneye::monitor {
namespace {

class LivenessTest : public ::testing::Test {
 protected:
  base::FakeClock clock_;
  bool is_alive_ = false;
  Liveness liveness_{clock_, [this](bool is_alive) { is_alive_ = is_alive; }};
};

TEST_F(LivenessTest, AliveWhileBothLoopsTurn) {
  for (int i = 0; i < 30; ++i) {
    clock_.Advance(absl::Seconds(1));
    liveness_.MainTurned();
    EXPECT_TRUE(is_alive_);
    EXPECT_EQ(base::Elapsed(clock_.MonotonicNow(), liveness_.OnWake()), Liveness::kTick);
    EXPECT_TRUE(is_alive_);
  }
}

TEST_F(LivenessTest, EitherLoopThatHangsIsToldByTheOtherAndForgivenWhenItTurnsAgain) {
  clock_.Advance(absl::Seconds(10));
  liveness_.MainTurned();
  EXPECT_FALSE(is_alive_);
  liveness_.OnWake();
  EXPECT_TRUE(is_alive_);
  clock_.Advance(absl::Seconds(10));
  liveness_.OnWake();
  EXPECT_FALSE(is_alive_);
  liveness_.MainTurned();
  EXPECT_TRUE(is_alive_);
}

}  // namespace
}  // namespace daemoneye::monitor
