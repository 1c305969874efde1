#include "libs/sources/process/sight_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/fake_clock.h"
#include "libs/base/mutex.h"
#include "libs/sources/process/fake_canary_line.h"

namespace daemoneye::process {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Fate = FakeCanaryLine::Fate;

constexpr absl::Duration kInterval = absl::Seconds(5);
constexpr absl::Duration kPatience = absl::Seconds(3);

class SightProofTest : public ::testing::Test {
 protected:
  SightProofTest() {
    line_.OnSpawn([this] {
      ++kernel_;
      if (!is_blind_) ++seen_;
    });
  }
  ~SightProofTest() override { proof_.Stop(); }

  std::optional<SightCounts> Counts() const {
    if (!is_running_) return std::nullopt;
    return SightCounts{.task_count = has_count_ ? std::optional<uint64_t>(seen_) : std::nullopt,
                       .lost_count = lost_};
  }

  void Start() {
    proof_.Start({.distrust = [this](absl::Status why) { Note(std::move(why)); },
                  .unseen = [this](uint64_t count) { unseen_ += count; }});
    clock_.AwaitWaiters(1);
  }

  void Note(absl::Status why) {
    base::MutexLock lock(mu_);
    distrusted_ = std::move(why);
    changed_.NotifyAll();
  }

  absl::Status AwaitDistrust() {
    base::MutexLock lock(mu_);
    while (!distrusted_.has_value()) changed_.Wait(mu_);
    return *distrusted_;
  }
  bool is_distrusted() {
    base::MutexLock lock(mu_);
    return distrusted_.has_value();
  }

  // One check, to its end: the thread waits for the next.
  void Check() {
    const int before = line_.spawns();
    clock_.Advance(kInterval);
    line_.AwaitSpawns(before + 1);
    clock_.AwaitWaiters(1);
  }

  // The canary that is on its way has not come in time.
  void MissCanary() {
    const int started = line_.spawns();
    clock_.Advance(kPatience);
    line_.AwaitReaped(started);
  }

  std::atomic<uint64_t> kernel_ = 1'000'000;
  std::atomic<uint64_t> seen_ = 0;
  std::atomic<uint64_t> lost_ = 0;
  std::atomic<uint64_t> unseen_ = 0;
  std::atomic<bool> is_blind_ = false;
  std::atomic<bool> is_running_ = true;
  std::atomic<bool> has_count_ = true;
  std::atomic<int> came_back_ = 0;
  std::atomic<int> scans_wanted_ = 0;
  base::Mutex mu_;
  base::CondVar changed_;
  std::optional<absl::Status> distrusted_ GUARDED_BY(mu_);
  base::FakeClock clock_;
  FakeCanaryLine line_{clock_};
  SightProof proof_{{.interval = kInterval,
                     .canary_patience = kPatience,
                     .misses_to_distrust = 2,
                     .recounts = 2,
                     .recount_pause = absl::ZeroDuration()},
                    {.source = "process-exec",
                     .counts = [this] { return Counts(); },
                     .kernel_tasks = [this] { return std::optional<uint64_t>(kernel_); },
                     .line = line_,
                     .on_canary = [this](absl::Duration) { ++came_back_; },
                     .on_unseen = [this] { ++scans_wanted_; }},
                    clock_};
};

TEST_F(SightProofTest, ASourceThatSeesIsTrusted) {
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  for (int i = 0; i < 4; ++i) {
    kernel_ += 100;
    seen_ += 100;
    Check();
  }
  proof_.Stop();
  EXPECT_FALSE(is_distrusted());
  const SightStatistics statistics = proof_.statistics();
  EXPECT_EQ(statistics.canaries, 5u);
  EXPECT_EQ(statistics.canary_misses, 0u);
  EXPECT_EQ(statistics.mismatches, 0u);
  EXPECT_EQ(statistics.tasks_seen, 405u);
  EXPECT_EQ(came_back_, 5);
  EXPECT_EQ(line_.living(), 0);
}

TEST_F(SightProofTest, ForksThatItDoesNotSeeTwiceMakeItBlind) {
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  is_blind_ = true;  // the canary still comes, by whatever way
  kernel_ += 56;
  Check();
  EXPECT_FALSE(is_distrusted()) << "after one miss";
  kernel_ += 55;
  clock_.Advance(kInterval);
  const absl::Status why = AwaitDistrust();
  EXPECT_EQ(why.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(why.message(),
            "the kernel began 113 processes and threads in 10 s, process-exec saw 1 of them")
      << "the first canary";
  proof_.Stop();
  EXPECT_EQ(proof_.statistics().mismatches, 2u);
  EXPECT_EQ(unseen_, 112u);
  EXPECT_EQ(scans_wanted_, 2);
}

TEST_F(SightProofTest, OneMissIsForgottenByAHit) {
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  for (int i = 0; i < 3; ++i) {
    kernel_ += 1;
    Check();
    EXPECT_EQ(proof_.statistics().mismatches, static_cast<uint64_t>(i + 1));
    Check();
    EXPECT_FALSE(is_distrusted());
  }
}

TEST_F(SightProofTest, TwoCanariesThatDoNotComeBackMakeItBlindWithinFifteenSeconds) {
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  const base::Monotonic blind_since = clock_.MonotonicNow();
  line_.SetFate(Fate::kNeverComes);
  Check();
  MissCanary();
  EXPECT_FALSE(is_distrusted()) << "after one miss";
  clock_.AwaitWaiters(1);
  const int before = line_.spawns();
  clock_.Advance(kInterval - kPatience);  // the next check is due an interval after the last
  line_.AwaitSpawns(before + 1);
  clock_.AwaitWaiters(1);
  MissCanary();
  const absl::Status why = AwaitDistrust();
  EXPECT_THAT(std::string(why.message()),
              AllOf(HasSubstr("process-exec"), HasSubstr("none of the last 2 processes")));
  EXPECT_LE(base::Elapsed(blind_since, clock_.MonotonicNow()), absl::Seconds(15));
  proof_.Stop();
  EXPECT_EQ(proof_.statistics().canary_misses, 2u);
  EXPECT_EQ(line_.living(), 0);
}

TEST_F(SightProofTest, ACanaryThatComesLateIsTimed) {
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  line_.SetFate(Fate::kNeverComes);
  Check();
  clock_.Advance(absl::Seconds(2));
  line_.LetItCome();
  line_.AwaitReaped(2);
  proof_.Stop();
  EXPECT_EQ(came_back_, 2);
  EXPECT_EQ(proof_.statistics().canary_misses, 0u);
}

TEST_F(SightProofTest, ACanaryThatWentWithRecordsKnownToBeLostIsNoMiss) {
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  line_.SetFate(Fate::kNeverComes);
  line_.SetProgress(true);
  line_.OnSpawn([this] { ++kernel_, ++seen_, ++lost_; });
  Start();
  for (int i = 0; i < 4; ++i) {
    Check();
    MissCanary();
    clock_.AwaitWaiters(1);
  }
  EXPECT_FALSE(is_distrusted());
  EXPECT_EQ(proof_.statistics().canary_misses, 0u);
}

TEST_F(SightProofTest, WhereNothingElseComesLostRecordsExplainNothing) {
  line_.SetFate(Fate::kNeverComes);
  line_.OnSpawn([this] {
    ++lost_;  // the ring is full, and nobody reads it
    clock_.Advance(kPatience);
  });
  EXPECT_EQ(proof_.Prove().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(proof_.statistics().canary_misses, 2u);
}

TEST_F(SightProofTest, WhatCannotBeKnownIsNoMiss) {
  struct Case {
    const char* what;
    std::function<void()> make;
  };
  const std::vector<Case> cases = {
      {"the stream lost events", [this] { line_.SetFate(Fate::kIsNotTold); }},
      {"no canary can be started", [this] { line_.SetSpawnStatus(absl::UnavailableError("")); }},
      {"there are no canaries", [this] { line_.SetOpen(false); }},
      {"the source does not run", [this] { is_running_ = false; }},
  };
  for (const Case& c : cases) {
    c.make();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(proof_.Prove(), absl::OkStatus()) << c.what;
  }
  EXPECT_EQ(proof_.statistics().canary_misses, 0u);
}

TEST_F(SightProofTest, ASourceThatCountsNoForksIsProvenByCanariesAlone) {
  has_count_ = false;
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  kernel_ += 1000;
  Check();
  Check();
  EXPECT_FALSE(is_distrusted());
  EXPECT_EQ(proof_.statistics().mismatches, 0u);
}

TEST_F(SightProofTest, StartedAgainItBeginsAnew) {
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  seen_ += 10;
  kernel_ += 11;
  Check();
  proof_.Stop();
  seen_ = 0;  // a new run of the source
  kernel_ += 500;
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  Check();
  EXPECT_FALSE(is_distrusted());
  EXPECT_EQ(proof_.statistics().mismatches, 1u);
  EXPECT_EQ(proof_.statistics().tasks_seen, 1u + 10 + 1 + 1 + 1);
}

TEST_F(SightProofTest, WhatWasMissedBeforeAStopIsTold) {
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  kernel_ += 8;
  seen_ += 1;
  proof_.Stop();
  EXPECT_EQ(unseen_, 7u);
  EXPECT_EQ(scans_wanted_, 1);
  EXPECT_FALSE(is_distrusted());
}

TEST_F(SightProofTest, StopEndsTheWaitForACanary) {
  ASSERT_EQ(proof_.Prove(), absl::OkStatus());
  Start();
  line_.SetFate(Fate::kNeverComes);
  Check();
  proof_.Stop();
  EXPECT_EQ(line_.living(), 0);
  EXPECT_EQ(proof_.statistics().canary_misses, 0u);
}

}  // namespace
}  // namespace daemoneye::process
