#include "libs/alerting/sink_worker.h"

#include <memory>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "libs/alerting/fake_sink.h"
#include "libs/alerting/memory_alert_store.h"
#include "libs/base/fake_clock.h"
#include "libs/base/mutex.h"

namespace daemoneye::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string> kSink = {"pager"};

// Cannot be told, for a while, that something was delivered.
class DeafStore final : public MemoryAlertStore {
 public:
  absl::Status MarkDelivered(std::string_view sink, uint64_t sequence) override {
    const base::MutexLock lock(mu_);
    if (!is_deaf_) return MemoryAlertStore::MarkDelivered(sink, sequence);
    return absl::ResourceExhaustedError("disk full");
  }
  void SetDeaf(bool is_deaf) {
    const base::MutexLock lock(mu_);
    is_deaf_ = is_deaf;
  }

 private:
  base::Mutex mu_;
  bool is_deaf_ GUARDED_BY(mu_) = false;
};

class SinkWorkerTest : public ::testing::Test {
 protected:
  void Append(const std::string& title) {
    v1::Alert alert;
    alert.set_id(title);
    alert.set_title(title);
    ASSERT_TRUE(store_.Append(alert, kSink, clock_.Now()).ok());
    if (worker_ != nullptr) worker_->Notify();
  }
  void Start(SinkRecord& record) {
    const uint64_t pending = store_.Outbox("pager")->pending;
    worker_ = std::make_unique<SinkWorker>("pager", std::make_unique<FakeSink>(record), store_,
                                           clock_, SinkWorkerOptions{.jitter_ratio = 0});
    worker_->Start(pending);
  }
  // Waits until the worker waits, too.
  void AwaitRest() { clock_.AwaitWaiters(1); }

  base::FakeClock clock_;
  DeafStore store_;
  std::unique_ptr<SinkWorker> worker_;
};

TEST_F(SinkWorkerTest, DeliversInOrderWhatWasPendingAndWhatComes) {
  SinkRecord record;
  Append("a");
  Append("b");
  Start(record);
  EXPECT_THAT(record.AwaitTaken(2), ElementsAre("a", "b"));
  Append("c");
  EXPECT_THAT(record.AwaitTaken(3), ElementsAre("a", "b", "c"));
  worker_->Stop();
  EXPECT_EQ(store_.Outbox("pager")->pending, 0u);
  EXPECT_EQ(worker_->status().delivered, 3u);
  EXPECT_EQ(worker_->status().pending, 0u);
}

TEST_F(SinkWorkerTest, RetriesAfterOneSecondDoublingToSixtyKeepingTheOrder) {
  SinkRecord record([](const v1::Alert&, int attempt) {
    return attempt <= 9 ? absl::UnavailableError("down") : absl::OkStatus();
  });
  Append("a");
  Append("b");
  Start(record);
  int attempts = 1;
  for (const int wait_s : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    record.AwaitAttempts(attempts);
    AwaitRest();
    clock_.Advance(absl::Seconds(wait_s) - absl::Milliseconds(1));
    EXPECT_EQ(record.attempts(), attempts) << "tried before " << wait_s << " s";
    clock_.Advance(absl::Milliseconds(1));
    ++attempts;
  }
  EXPECT_THAT(record.AwaitTaken(2), ElementsAre("a", "b"));
}

TEST_F(SinkWorkerTest, NewAlertsWaitBehindOneThatFailed) {
  SinkRecord record([](const v1::Alert&, int attempt) {
    return attempt == 1 ? absl::UnavailableError("down") : absl::OkStatus();
  });
  Start(record);
  Append("a");
  record.AwaitAttempts(1);
  AwaitRest();
  Append("b");
  clock_.Advance(absl::Milliseconds(999));
  EXPECT_EQ(record.attempts(), 1);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(record.AwaitTaken(2), ElementsAre("a", "b"));
}

TEST_F(SinkWorkerTest, BreakerOpensAfterFiveFailuresAndClosesWithASuccess) {
  SinkRecord record([](const v1::Alert&, int attempt) {
    return attempt <= 5 ? absl::UnavailableError("down\x1b") : absl::OkStatus();
  });
  Append("a");
  Start(record);
  for (int i = 1; i <= 5; ++i) {
    record.AwaitAttempts(i);
    AwaitRest();
    const SinkStatus status = worker_->status();
    EXPECT_EQ(status.breaker, i < 5 ? BreakerState::kClosed : BreakerState::kOpen) << i;
    EXPECT_EQ(status.last_error, "down\\x1b");
    clock_.Advance(absl::Seconds(60));
  }
  record.AwaitTaken(1);
  AwaitRest();
  EXPECT_EQ(worker_->status().breaker, BreakerState::kClosed);
  EXPECT_EQ(worker_->status().last_error, "");
  EXPECT_EQ(worker_->status().failed, 5u);
}

TEST_F(SinkWorkerTest, WhatIsRefusedForGoodIsADeadLetterAtOnce) {
  SinkRecord record([](const v1::Alert& alert, int) {
    return alert.title() == "a" ? absl::InvalidArgumentError("no") : absl::OkStatus();
  });
  Append("a");
  Append("b");
  Start(record);
  EXPECT_THAT(record.AwaitTaken(1), ElementsAre("b"));
  worker_->Stop();
  EXPECT_EQ(store_.Outbox("pager")->dead, 1u);
  EXPECT_EQ(worker_->status().dead, 1u);
  EXPECT_EQ(worker_->status().breaker, BreakerState::kClosed);
}

TEST_F(SinkWorkerTest, GivesUpWhatFailsWhenItIsADayOldAndReplaysIt) {
  SinkRecord record([](const v1::Alert&, int attempt) {
    return attempt <= 2 ? absl::UnavailableError("down") : absl::OkStatus();
  });
  Append("a");
  Start(record);
  record.AwaitAttempts(1);
  AwaitRest();
  clock_.Advance(absl::Hours(24));
  record.AwaitAttempts(2);
  AwaitRest();
  EXPECT_EQ(store_.Outbox("pager")->dead, 1u);
  EXPECT_EQ(worker_->status().dead, 1u);
  worker_->Stop();
  ASSERT_EQ(*store_.ReplayDead("pager", "", clock_.Now()), 1u);
  Start(record);
  EXPECT_THAT(record.AwaitTaken(1), ElementsAre("a"));
}

TEST_F(SinkWorkerTest, WhatIsReplayedWhileItRunsIsTriedAtOnceAndCounted) {
  SinkRecord record([](const v1::Alert&, int attempt) {
    return attempt <= 2 ? absl::InvalidArgumentError("no") : absl::OkStatus();
  });
  Append("a");
  Append("b");
  Start(record);
  record.AwaitAttempts(2);
  AwaitRest();
  ASSERT_EQ(*store_.ReplayDead("pager", "", clock_.Now()), 2u);
  worker_->Notify(2);
  EXPECT_THAT(record.AwaitTaken(2), ElementsAre("a", "b"));
  AwaitRest();
  EXPECT_EQ(worker_->status().pending, 0u);
  EXPECT_EQ(store_.Outbox("pager")->dead, 0u);
}

TEST_F(SinkWorkerTest, AnOldAlertIsStillTriedOnce) {
  Append("a");
  clock_.Advance(absl::Hours(72));
  SinkRecord record;
  Start(record);
  EXPECT_THAT(record.AwaitTaken(1), ElementsAre("a"));
}

TEST_F(SinkWorkerTest, RetriesGoOnWhereTheLastProcessStopped) {
  Append("a");
  ASSERT_TRUE(store_.MarkFailed("pager", 1, clock_.Now() + absl::Seconds(30), "down").ok());
  SinkRecord record;
  Start(record);
  AwaitRest();
  clock_.Advance(absl::Seconds(29));
  EXPECT_EQ(record.attempts(), 0);
  clock_.Advance(absl::Seconds(1));
  record.AwaitTaken(1);
}

TEST_F(SinkWorkerTest, JitterShortensAWaitByAFifthAtMost) {
  SinkRecord record([](const v1::Alert&, int) { return absl::UnavailableError("down"); });
  Append("a");
  worker_ = std::make_unique<SinkWorker>("pager", std::make_unique<FakeSink>(record), store_,
                                         clock_, SinkWorkerOptions{});
  worker_->Start(1);
  record.AwaitAttempts(1);
  AwaitRest();
  const absl::Duration wait = (*store_.Pending("pager", 1))[0].next_attempt - clock_.Now();
  EXPECT_GE(wait, absl::Milliseconds(800));
  EXPECT_LE(wait, absl::Seconds(1));
}

TEST_F(SinkWorkerTest, StopsInTheMiddleOfABackoff) {
  SinkRecord record([](const v1::Alert&, int) { return absl::UnavailableError("down"); });
  Append("a");
  Start(record);
  record.AwaitAttempts(1);
  AwaitRest();
  worker_->Stop();
  EXPECT_EQ(store_.Outbox("pager")->pending, 1u);
}

TEST_F(SinkWorkerTest, GoesOnWhileTheStoreCannotBeToldAndSendsNothingTwice) {
  SinkRecord record;
  store_.SetDeaf(true);
  for (const char* title : {"a", "b"}) Append(title);
  Start(record);
  record.AwaitTaken(2);
  AwaitRest();
  EXPECT_EQ(worker_->status().last_error, "store: disk full");
  Append("c");
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(record.AwaitTaken(3), ElementsAre("a", "b", "c"));
  EXPECT_EQ(store_.Outbox("pager")->pending, 3u);
  store_.SetDeaf(false);
  worker_->Stop();
  EXPECT_EQ(store_.Outbox("pager")->pending, 0u);
  EXPECT_EQ(record.attempts(), 3);
}

TEST_F(SinkWorkerTest, IdleOnceEverythingIsDelivered) {
  SinkRecord record;
  for (int i = 0; i < 500; ++i) Append(fmt::format("{}", i));
  Start(record);
  worker_->AwaitIdle(base::Monotonic::max());
  EXPECT_EQ(record.taken().size(), 500u);
  EXPECT_EQ(worker_->status().pending, 0u);
}

}  // namespace
}  // namespace daemoneye::alerting
