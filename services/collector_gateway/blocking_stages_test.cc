#include "services/collector_gateway/blocking_stages.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/fake_clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"

namespace daemoneye::gateway {
namespace {

using analysis::StageOutcome;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

StageOutcome Ok() { return {.result = v1::AnalysisResult(), .alert_ids = {}}; }

// Work that waits until a test lets it go, or it is to stop; and what came of it.
class Bench {
 public:
  BlockingStages::Work Blocks() {
    return [this](absl::Duration, const std::stop_token& stop) -> StageOutcome {
      const std::stop_callback wake(stop, [this] {
        const base::MutexLock lock(mu_);
        changed_.NotifyAll();
      });
      const base::MutexLock lock(mu_);
      ++begun_;
      changed_.NotifyAll();
      while (!is_open_ && !stop.stop_requested()) changed_.Wait(mu_);
      if (stop.stop_requested())
        return {.result = absl::CancelledError("stopped"), .alert_ids = {}};
      return Ok();
    };
  }
  analysis::StageRunner::Done Ends(const std::string& name) {
    return [this, name](const StageOutcome& outcome) {
      const base::MutexLock lock(mu_);
      ended_.push_back(name + " " + absl::StatusCodeToString(outcome.result.status().code()));
      changed_.NotifyAll();
    };
  }
  void AwaitBegun(int count) {
    const base::MutexLock lock(mu_);
    while (begun_ < count) changed_.Wait(mu_);
  }
  std::vector<std::string> AwaitEnded(size_t count) {
    const base::MutexLock lock(mu_);
    while (ended_.size() < count) changed_.Wait(mu_);
    return ended_;
  }
  void Open() {
    const base::MutexLock lock(mu_);
    is_open_ = true;
    changed_.NotifyAll();
  }
  void OnRoom() {
    const base::MutexLock lock(mu_);
    ++rooms_;
    changed_.NotifyAll();
  }
  void AwaitRooms(int count) {
    const base::MutexLock lock(mu_);
    while (rooms_ < count) changed_.Wait(mu_);
  }

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  int begun_ GUARDED_BY(mu_) = 0;
  int rooms_ GUARDED_BY(mu_) = 0;
  bool is_open_ GUARDED_BY(mu_) = false;
  std::vector<std::string> ended_ GUARDED_BY(mu_);
};

constexpr absl::Duration kLong = absl::Minutes(5);

TEST(BlockingStagesTest, RefusesWhatIsMoreThanItsBoundAndTellsWhenThereIsRoom) {
  Bench bench;
  BlockingStages stages({.threads = 1, .queue = 1}, base::Clock::Real());
  stages.SetOnRoom([&] { bench.OnRoom(); });
  const auto first = stages.Begin(kLong, bench.Blocks(), bench.Ends("first"));
  const auto second = stages.Begin(kLong, bench.Blocks(), bench.Ends("second"));
  const analysis::Begun third = stages.Begin(kLong, bench.Blocks(), bench.Ends("third"));
  EXPECT_NE(first.call, nullptr);
  EXPECT_NE(second.call, nullptr);
  EXPECT_EQ(third.call, nullptr);
  EXPECT_EQ(third.retry_after, absl::InfiniteDuration());
  EXPECT_EQ(stages.statistics().refused, 1u);
  bench.AwaitBegun(1);
  bench.Open();
  bench.AwaitRooms(1);
  EXPECT_THAT(bench.AwaitEnded(2), ElementsAre("first OK", "second OK"));
  EXPECT_NE(stages.Begin(kLong, bench.Blocks(), bench.Ends("again")).call, nullptr);
  EXPECT_EQ(bench.AwaitEnded(3).back(), "again OK");
}

TEST(BlockingStagesTest, WhoHasABoundOfItsOwnWaitsForAThread) {
  Bench bench;
  BlockingStages stages({.threads = 1, .queue = 0}, base::Clock::Real());
  const auto first = stages.Begin(kLong, bench.Blocks(), bench.Ends("first"));
  EXPECT_EQ(stages.Begin(kLong, bench.Blocks(), bench.Ends("refused")).call, nullptr);
  EXPECT_NE(stages.BeginBounded(kLong, bench.Blocks(), bench.Ends("bounded")), nullptr);
  bench.Open();
  EXPECT_THAT(bench.AwaitEnded(2), ElementsAre("first OK", "bounded OK"));
}

TEST(BlockingStagesTest, CancelStopsWhatRunsAndTakesBackWhatWaits) {
  Bench bench;
  BlockingStages stages({.threads = 1, .queue = 1}, base::Clock::Real());
  stages.SetOnRoom([&] { bench.OnRoom(); });
  const auto running = stages.Begin(kLong, bench.Blocks(), bench.Ends("running"));
  bench.AwaitBegun(1);
  const auto waiting = stages.Begin(kLong, bench.Blocks(), bench.Ends("waiting"));
  EXPECT_EQ(stages.Begin(kLong, bench.Blocks(), bench.Ends("refused")).call, nullptr);
  waiting.call->Cancel();
  EXPECT_THAT(bench.AwaitEnded(1), ElementsAre("waiting CANCELLED"));
  bench.AwaitRooms(1);
  running.call->Cancel();
  EXPECT_EQ(bench.AwaitEnded(2).back(), "running CANCELLED");
  // Once more, when there is nothing left of it.
  running.call->Cancel();
  waiting.call->Cancel();
}

TEST(BlockingStagesTest, TheEndStopsWhatRunsAndAnswersWhatWaits) {
  Bench bench;
  auto stages = std::make_unique<BlockingStages>(BlockingStages::Options{.threads = 1, .queue = 2},
                                                 base::Clock::Real());
  auto running = stages->Begin(kLong, bench.Blocks(), bench.Ends("running"));
  bench.AwaitBegun(1);
  auto waiting = stages->Begin(kLong, bench.Blocks(), bench.Ends("waiting"));
  stages->Stop();
  EXPECT_THAT(bench.AwaitEnded(2),
              UnorderedElementsAre("running CANCELLED", "waiting UNAVAILABLE"));
  const auto late = stages->Begin(kLong, bench.Blocks(), bench.Ends("late"));
  EXPECT_EQ(bench.AwaitEnded(3).back(), "late UNAVAILABLE");
  stages.reset();
  running.call->Cancel();  // a call may outlive the threads
  late.call->Cancel();
}

TEST(BlockingStagesTest, WorkSeesWhatIsLeftOfItsTimeAndDoesNotBeginWithoutAny) {
  base::FakeClock clock;
  Bench bench;
  BlockingStages stages({.threads = 1, .queue = 2}, clock);
  const auto first = stages.Begin(kLong, bench.Blocks(), bench.Ends("first"));
  bench.AwaitBegun(1);
  std::atomic<int64_t> left_s = 0;
  const auto second = stages.Begin(
      absl::Seconds(30),
      [&](absl::Duration left, const std::stop_token&) {
        left_s = absl::ToInt64Seconds(left);
        return Ok();
      },
      bench.Ends("second"));
  const auto third = stages.Begin(absl::Seconds(10), bench.Blocks(), bench.Ends("third"));
  clock.Advance(absl::Seconds(20));
  bench.Open();
  EXPECT_THAT(bench.AwaitEnded(3), ElementsAre("first OK", "second OK", "third DEADLINE_EXCEEDED"));
  EXPECT_EQ(left_s, 10);
}

TEST(BlockingStagesTest, ManyFromManyThreadsEndOnceEach) {
  BlockingStages stages({.threads = 4, .queue = 4}, base::Clock::Real());
  std::atomic<int> ended = 0, accepted = 0;
  {
    std::vector<base::Thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back("test", [&](const std::stop_token&) {
        for (int i = 0; i < 2'000; ++i) {
          const analysis::Begun begun = stages.Begin(
              kLong, [](absl::Duration, const std::stop_token&) { return Ok(); },
              [&](const StageOutcome&) { ++ended; });
          if (begun.call == nullptr) continue;
          ++accepted;
          if (i % 3 == 0) begun.call->Cancel();
        }
      });
    }
    for (base::Thread& thread : threads) thread.StopAndJoin();
  }
  stages.Stop();
  EXPECT_EQ(ended, accepted);
  EXPECT_EQ(stages.statistics().running + stages.statistics().waiting, 0u);
}

}  // namespace
}  // namespace daemoneye::gateway
