#include "libs/collector/call_thread.h"

#include <atomic>
#include <future>
#include <memory>

#include "gtest/gtest.h"
#include "libs/base/fake_clock.h"

namespace daemoneye::collector {
namespace {

using base::operator+;

using base::Clock;

TEST(CallThreadTest, MakesCallsInOrder) {
  CallThread thread("calls");
  std::string order;
  std::promise<void> done;
  ASSERT_TRUE(thread.Post([&] { order += 'a'; }));
  ASSERT_TRUE(thread.Post([&] { order += 'b'; }));
  ASSERT_TRUE(thread.Post([&] { done.set_value(); }));
  done.get_future().wait();
  EXPECT_EQ(order, "ab");
  EXPECT_TRUE(thread.Retire(base::Monotonic::max(), Clock::Real()));
  EXPECT_FALSE(thread.Post([] {}));
  EXPECT_TRUE(thread.Retire(Clock::Real().MonotonicNow(), Clock::Real())) << "idempotent";
}

TEST(CallThreadTest, RefusesMoreThanItsBound) {
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  std::promise<void> entered;
  CallThread thread("calls");
  ASSERT_TRUE(thread.Post([&entered, opened] {
    entered.set_value();
    opened.wait();
  }));
  entered.get_future().wait();
  for (size_t i = 0; i < CallThread::kMaxQueuedCalls; ++i) ASSERT_TRUE(thread.Post([] {}));
  EXPECT_FALSE(thread.Post([] {}));
  gate.set_value();
  EXPECT_TRUE(thread.Retire(base::Monotonic::max(), Clock::Real()));
}

TEST(CallThreadTest, LeavesBehindACallThatHangsAndFreesItOnceItReturns) {
  const size_t before = CallThread::LeftBehind();
  std::promise<void> gate;
  auto alive = std::make_shared<int>(1);
  std::weak_ptr<int> watch = alive;
  {
    base::FakeClock clock;
    CallThread thread("hangs");
    std::promise<void> entered;
    ASSERT_TRUE(thread.Post([&entered, opened = gate.get_future().share(), alive] {
      entered.set_value();
      opened.wait();
    }));
    alive.reset();
    entered.get_future().wait();
    std::thread advance([&] {
      clock.AwaitWaiters(1);
      clock.Advance(absl::Seconds(5));
    });
    EXPECT_FALSE(thread.Retire(clock.MonotonicNow() + absl::Seconds(5), clock));
    advance.join();
  }
  EXPECT_EQ(CallThread::LeftBehind(), before + 1);
  EXPECT_FALSE(watch.expired()) << "what the call uses lives as long as the call";
  gate.set_value();
  CallThread::JoinLeftBehind();
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(CallThread::LeftBehind(), 0u);
}

}  // namespace
}  // namespace daemoneye::collector
