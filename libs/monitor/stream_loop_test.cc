#include "libs/monitor/stream_loop.h"

#include <gtest/gtest.h>

#include <functional>

#include "libs/base/fake_clock.h"

namespace daemoneye::monitor {
namespace {

using base::operator+;

// Counts its wake-ups and lets a test wait for them.
class CountingMember final : public StreamLoop::Member {
 public:
  explicit CountingMember(std::function<base::Monotonic()> body = nullptr)
      : body_(std::move(body)) {}

  base::Monotonic OnWake() override {
    const base::Monotonic next = body_ != nullptr ? body_() : StreamLoop::kNever;
    base::MutexLock lock(mu_);
    ++count_;
    changed_.NotifyAll();
    return next;
  }
  void AwaitCount(int count) {
    base::MutexLock lock(mu_);
    while (count_ < count) changed_.Wait(mu_);
  }
  int count() {
    base::MutexLock lock(mu_);
    return count_;
  }

 private:
  const std::function<base::Monotonic()> body_;
  base::Mutex mu_;
  base::CondVar changed_;
  int count_ = 0;
};

TEST(StreamLoopTest, WakesWhoIsMarkedAndNobodyElse) {
  base::FakeClock clock;
  StreamLoop loop(clock);
  auto woken = std::make_shared<CountingMember>();
  auto other = std::make_shared<CountingMember>();
  const StreamLoop::Id id = loop.Add(woken);
  loop.Add(other);
  loop.Wake(id);
  woken->AwaitCount(1);
  EXPECT_EQ(other->count(), 0);
}

TEST(StreamLoopTest, WakesAtTheEarliestTimeAskedFor) {
  base::FakeClock clock;
  StreamLoop loop(clock);
  auto member = std::make_shared<CountingMember>();
  const StreamLoop::Id id = loop.Add(member);
  const base::Monotonic start = clock.MonotonicNow();
  loop.WakeAt(id, start + absl::Seconds(10));
  loop.WakeAt(id, start + absl::Seconds(5));
  loop.WakeAt(id, start + absl::Seconds(20));
  clock.AwaitWaiters(1);
  clock.Advance(absl::Seconds(4));
  EXPECT_EQ(member->count(), 0);
  clock.Advance(absl::Seconds(1));
  member->AwaitCount(1);
}

TEST(StreamLoopTest, MemberPlansItsNextWakeByItsAnswer) {
  base::FakeClock clock;
  StreamLoop loop(clock);
  auto member = std::make_shared<CountingMember>(
      [&clock] { return clock.MonotonicNow() + absl::Milliseconds(10); });
  loop.Wake(loop.Add(member));
  for (int i = 1; i <= 5; ++i) {
    member->AwaitCount(i);
    clock.AwaitWaiters(1);
    clock.Advance(absl::Milliseconds(10));
  }
  member->AwaitCount(6);
}

TEST(StreamLoopTest, WakeDuringOnWakeIsNotLost) {
  base::FakeClock clock;
  StreamLoop loop(clock);
  StreamLoop::Id id = 0;
  int left = 3;
  auto member = std::make_shared<CountingMember>([&] {
    if (--left > 0) loop.Wake(id);
    return StreamLoop::kNever;
  });
  id = loop.Add(member);
  loop.Wake(id);
  member->AwaitCount(3);
}

TEST(StreamLoopTest, RemovedMemberIsLetGoAndNotWoken) {
  base::FakeClock clock;
  StreamLoop loop(clock);
  auto member = std::make_shared<CountingMember>();
  std::weak_ptr<CountingMember> weak = member;
  const StreamLoop::Id id = loop.Add(std::move(member));
  loop.WakeAt(id, clock.MonotonicNow() + absl::Seconds(1));
  loop.Remove(id);
  EXPECT_TRUE(weak.expired());
  loop.Wake(id);
  clock.Advance(absl::Seconds(2));
  auto other = std::make_shared<CountingMember>();
  loop.Wake(loop.Add(other));
  other->AwaitCount(1);
  EXPECT_EQ(loop.member_count(), 1u);
}

TEST(StreamLoopTest, StopLetsGoOfEverybodyAndLaterCallsDoNothing) {
  base::FakeClock clock;
  StreamLoop loop(clock);
  auto member = std::make_shared<CountingMember>();
  const StreamLoop::Id id = loop.Add(member);
  loop.Stop();
  EXPECT_EQ(member.use_count(), 1);
  loop.Wake(id);
  loop.WakeAt(id, clock.MonotonicNow());
  loop.Add(member);
  EXPECT_EQ(loop.member_count(), 0u);
  loop.Stop();
}

TEST(StreamLoopTest, ManyThreadsWakeWhileMembersComeAndGo) {
  StreamLoop loop(base::Clock::Real());
  auto steady = std::make_shared<CountingMember>();
  const StreamLoop::Id id = loop.Add(steady);
  {
    std::vector<base::Thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back("waker", [&](std::stop_token) {
        for (int i = 0; i < 500; ++i) {
          const StreamLoop::Id mine = loop.Add(std::make_shared<CountingMember>());
          loop.Wake(mine);
          loop.WakeAt(id, base::Clock::Real().MonotonicNow());
          loop.WakeAll();
          loop.Remove(mine);
        }
      });
    }
  }
  const int before = steady->count();
  loop.Wake(id);
  steady->AwaitCount(before + 1);
  EXPECT_EQ(loop.member_count(), 1u);
}

}  // namespace
}  // namespace daemoneye::monitor
