#include "libs/monitor/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>

#include "libs/base/mutex.h"

namespace daemoneye::monitor {
namespace {

// Holds workers up until it is opened.
class Gate {
 public:
  void Pass() {
    base::MutexLock lock(mu_);
    ++waiting_;
    changed_.NotifyAll();
    while (!is_open_) changed_.Wait(mu_);
  }
  void AwaitWaiting(int count) {
    base::MutexLock lock(mu_);
    while (waiting_ < count) changed_.Wait(mu_);
  }
  void Open() {
    base::MutexLock lock(mu_);
    is_open_ = true;
    changed_.NotifyAll();
  }

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  int waiting_ = 0;
  bool is_open_ = false;
};

TEST(WorkerPoolTest, RunsAsManyAtOnceAsItHasThreadsAndRefusesBeyondItsQueue) {
  Gate gate;
  std::atomic<int> ran = 0;
  WorkerPool pool("test", 2, 1, base::Clock::Real());
  const auto work = [&] {
    gate.Pass();
    ++ran;
  };
  EXPECT_TRUE(pool.Submit(work));
  gate.AwaitWaiting(1);
  EXPECT_TRUE(pool.Submit(work));
  gate.AwaitWaiting(2);
  EXPECT_TRUE(pool.Submit(work));
  EXPECT_FALSE(pool.Submit(work));
  gate.Open();
  pool.Stop();
  EXPECT_EQ(ran, 3);
  EXPECT_FALSE(pool.Submit(work));
}

}  // namespace
}  // namespace daemoneye::monitor
