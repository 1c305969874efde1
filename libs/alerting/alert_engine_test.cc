#include "libs/alerting/alert_engine.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "libs/alerting/fake_sink.h"
#include "libs/alerting/memory_alert_store.h"
#include "libs/base/fake_clock.h"
#include "libs/event/uuid.h"

namespace daemoneye::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

AlertDraft Draft(const std::string& trigger, const std::string& process = "p1",
                 v1::Severity severity = v1::SEVERITY_HIGH) {
  AlertDraft draft;
  draft.alert.set_title(trigger);
  draft.alert.set_trigger_id(trigger);
  draft.alert.set_process_key(process);
  draft.alert.set_host("h");
  draft.alert.set_severity(severity);
  draft.alert.mutable_completeness()->set_complete(true);
  return draft;
}

// A MemoryAlertStore whose disk can be full.
class FullDiskStore final : public storage::AlertStore {
 public:
  void SetFull(bool is_full) {
    const base::MutexLock lock(mu_);
    is_full_ = is_full;
  }
  int AwaitRefused(int count) {
    const base::MutexLock lock(mu_);
    while (refused_ < count) changed_.Wait(mu_);
    return refused_;
  }
  absl::StatusOr<uint64_t> Append(v1::Alert& alert, std::span<const std::string> sinks,
                                  absl::Time now) override {
    const base::MutexLock lock(mu_);
    if (!is_full_) return store_.Append(alert, sinks, now);
    ++refused_;
    changed_.NotifyAll();
    return absl::ResourceExhaustedError("disk full");
  }
  absl::Status AppendAll(std::span<const storage::AlertToStore> alerts, absl::Time now) override {
    {
      const base::MutexLock lock(mu_);
      ++batches_;
    }
    return AlertStore::AppendAll(alerts, now);
  }
  int batches() {
    const base::MutexLock lock(mu_);
    return batches_;
  }
  absl::StatusOr<v1::Alert> Get(std::string_view id) const override { return store_.Get(id); }
  absl::StatusOr<std::vector<v1::Alert>> List(const v1::AlertFilter& filter, uint64_t before,
                                              size_t max) const override {
    return store_.List(filter, before, max);
  }
  absl::StatusOr<std::vector<v1::Alert>> ReadAfter(const v1::AlertFilter& filter, uint64_t after,
                                                   size_t max) const override {
    return store_.ReadAfter(filter, after, max);
  }
  absl::StatusOr<storage::AlertRange> range() const override { return store_.range(); }
  absl::StatusOr<v1::Alert> Acknowledge(std::string_view id, std::string_view by,
                                        std::string_view comment, absl::Time now) override {
    return store_.Acknowledge(id, by, comment, now);
  }
  absl::StatusOr<std::vector<storage::Delivery>> Pending(std::string_view sink,
                                                         size_t max) const override {
    return store_.Pending(sink, max);
  }
  absl::Status MarkDelivered(std::string_view sink, uint64_t sequence) override {
    return store_.MarkDelivered(sink, sequence);
  }
  absl::Status MarkFailed(std::string_view sink, uint64_t sequence, absl::Time next,
                          std::string_view error) override {
    return store_.MarkFailed(sink, sequence, next, error);
  }
  absl::Status MarkDead(std::string_view sink, uint64_t sequence, std::string_view error) override {
    return store_.MarkDead(sink, sequence, error);
  }
  absl::StatusOr<std::vector<storage::Delivery>> DeadLetters(
      const storage::DeadLetterFilter& filter, const storage::DeadLetterPosition& after,
      size_t max_letters) const override {
    return store_.DeadLetters(filter, after, max_letters);
  }
  absl::StatusOr<uint64_t> ReplayDead(std::string_view sink, std::string_view alert_id,
                                      absl::Time now) override {
    return store_.ReplayDead(sink, alert_id, now);
  }
  absl::StatusOr<uint64_t> DropOtherSinks(std::span<const std::string> sinks) override {
    return store_.DropOtherSinks(sinks);
  }
  absl::StatusOr<storage::OutboxStatistics> Outbox(std::string_view sink) const override {
    return store_.Outbox(sink);
  }
  absl::StatusOr<uint64_t> PruneAlerts(absl::Time before, uint64_t kept, size_t max) override {
    return store_.PruneAlerts(before, kept, max);
  }

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  bool is_full_ GUARDED_BY(mu_) = false;
  int refused_ GUARDED_BY(mu_) = 0;
  int batches_ GUARDED_BY(mu_) = 0;
  MemoryAlertStore store_{{.max_alerts = 100'000, .max_bytes = 1 << 30}};
};

class AlertEngineTest : public ::testing::Test {
 protected:
  void Make(AlertEngineOptions options = {}) {
    engine_ = std::make_unique<AlertEngine>(options, store_, outbox_, clock_);
  }
  // With a sink for everything and one for what is critical.
  void AddSinks() {
    std::vector<SinkSpec> specs;
    specs.push_back({.name = "all", .sink = std::make_unique<FakeSink>(all_)});
    specs.push_back({.name = "critical",
                     .minimum_severity = v1::SEVERITY_CRITICAL,
                     .sink = std::make_unique<FakeSink>(critical_)});
    ASSERT_TRUE(outbox_.SetSinks(std::move(specs)).ok());
  }
  // What the store has once the engine has ended.
  std::vector<v1::Alert> StopAndRead() {
    engine_->Stop();
    return *store_.ReadAfter({}, 0, 100'000);
  }

  base::FakeClock clock_;
  FullDiskStore store_;
  SinkRecord all_, critical_;
  Outbox outbox_{store_, clock_, {.jitter_ratio = 0}};
  std::unique_ptr<AlertEngine> engine_;
};

TEST_F(AlertEngineTest, StoresWhatItAcceptedAndHandsItToTheSinksThatWantIt) {
  AddSinks();
  Make();
  engine_->Start();
  EXPECT_EQ(engine_->Raise(Draft("a")), RaiseOutcome::kAccepted);
  EXPECT_EQ(engine_->Raise(Draft("b", "p1", v1::SEVERITY_CRITICAL)), RaiseOutcome::kAccepted);
  EXPECT_THAT(all_.AwaitTaken(2), ElementsAre("a", "b"));
  EXPECT_THAT(critical_.AwaitTaken(1), ElementsAre("b"));
  const std::vector<v1::Alert> alerts = StopAndRead();
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_TRUE(event::IsUuid(alerts[0].id()));
  EXPECT_NE(alerts[0].id(), alerts[1].id());
  EXPECT_EQ(alerts[1].sequence(), 2u);
  EXPECT_EQ(alerts[0].state(), v1::ALERT_STATE_OPEN);
  EXPECT_EQ(alerts[0].time().seconds(), absl::ToUnixSeconds(clock_.Now()));
  EXPECT_TRUE(alerts[0].completeness().complete());
}

TEST_F(AlertEngineTest, StoresWhatCameTogetherInFewTransactions) {
  AddSinks();
  Make();
  for (int i = 0; i < 1000; ++i) engine_->Raise(Draft("a", fmt::format("p{}", i)));
  engine_->Start();
  EXPECT_EQ(StopAndRead().size(), 1000u);
  EXPECT_EQ(engine_->statistics().stored, 1000u);
  EXPECT_LE(store_.batches(), 4);
  EXPECT_EQ(all_.AwaitTaken(1000).size(), 1000u);
}

TEST_F(AlertEngineTest, HoldsBackWhatIsAlikeAndTellsItInTheNextOne) {
  Make();
  engine_->Start();
  EXPECT_EQ(engine_->Raise(Draft("a")), RaiseOutcome::kAccepted);
  EXPECT_EQ(engine_->Raise(Draft("a")), RaiseOutcome::kSuppressed);
  clock_.Advance(absl::Seconds(299));
  EXPECT_EQ(engine_->Raise(Draft("a")), RaiseOutcome::kSuppressed);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(engine_->Raise(Draft("a")), RaiseOutcome::kAccepted);
  const std::vector<v1::Alert> alerts = StopAndRead();
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[0].suppressed(), 0u);
  EXPECT_EQ(alerts[1].suppressed(), 2u);
  EXPECT_EQ(engine_->statistics().suppressed, 2u);
}

TEST_F(AlertEngineTest, TellsWhatWasHeldBackBeforeItCame) {
  Make();
  engine_->Start();
  AlertDraft draft = Draft("a");
  draft.suppressed = 3;
  EXPECT_EQ(engine_->Raise(draft), RaiseOutcome::kAccepted);
  EXPECT_EQ(engine_->Raise(draft), RaiseOutcome::kSuppressed);
  clock_.Advance(absl::Seconds(300));
  EXPECT_EQ(engine_->Raise(draft), RaiseOutcome::kAccepted);
  const std::vector<v1::Alert> alerts = StopAndRead();
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[0].suppressed(), 3u);
  EXPECT_EQ(alerts[1].suppressed(), 3u + 1 + 3) << "one held back here stands for those before it";
}

TEST_F(AlertEngineTest, NothingThatDiffersHidesAnother) {
  Make();
  engine_->Start();
  AlertDraft workflow = Draft("");
  workflow.alert.set_workflow_id("a");
  AlertDraft host = Draft("a");
  host.alert.set_host("h2");
  AlertDraft scope = Draft("a");
  scope.dedup_scope = "window key";
  // The same letters, parted elsewhere.
  AlertDraft moved = Draft("ah");
  moved.alert.set_host("");
  for (const AlertDraft& draft :
       {Draft("a"), Draft("b"), Draft("a", "p2"), Draft("a", "p1", v1::SEVERITY_LOW), workflow,
        host, scope, moved}) {
    EXPECT_EQ(engine_->Raise(draft), RaiseOutcome::kAccepted) << draft.alert.ShortDebugString();
  }
}

TEST_F(AlertEngineTest, ADraftsOwnWindowGoesBeforeTheDefault) {
  Make();
  AlertDraft draft = Draft("a");
  draft.dedup_window = absl::Seconds(10);
  EXPECT_EQ(engine_->Raise(draft), RaiseOutcome::kAccepted);
  EXPECT_EQ(engine_->Raise(draft), RaiseOutcome::kSuppressed);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(engine_->Raise(draft), RaiseOutcome::kAccepted);
}

TEST_F(AlertEngineTest, ADraftCannotSayWhatTheEngineSays) {
  Make();
  engine_->Start();
  AlertDraft draft = Draft("a");
  draft.alert.set_id("mine");
  draft.alert.set_sequence(99);
  draft.alert.set_state(v1::ALERT_STATE_ACKNOWLEDGED);
  draft.alert.set_acknowledged_by("me");
  draft.alert.set_suppressed(5);
  engine_->Raise(draft);
  const std::vector<v1::Alert> alerts = StopAndRead();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_NE(alerts[0].id(), "mine");
  EXPECT_EQ(alerts[0].sequence(), 1u);
  EXPECT_EQ(alerts[0].state(), v1::ALERT_STATE_OPEN);
  EXPECT_EQ(alerts[0].acknowledged_by(), "");
  EXPECT_EQ(alerts[0].suppressed(), 0u);
}

TEST_F(AlertEngineTest, AFullQueueShedsCountsAndTellsIt) {
  Make({.queue_bytes = 600});
  int accepted = 0;
  while (engine_->Raise(Draft(fmt::format("t{}", accepted))) == RaiseOutcome::kAccepted) {
    ++accepted;
  }
  EXPECT_GE(accepted, 2);
  EXPECT_EQ(engine_->Raise(Draft("again")), RaiseOutcome::kShed);
  engine_->SetListener([this] {
    while (all_.taken().size() < engine_->statistics().stored) all_.Take({}).IgnoreError();
  });
  engine_->Start();
  all_.AwaitTaken(static_cast<size_t>(accepted));
  // What was shed is not held back, and the next one tells of it.
  EXPECT_EQ(engine_->Raise(Draft("again")), RaiseOutcome::kAccepted);
  const std::vector<v1::Alert> alerts = StopAndRead();
  ASSERT_EQ(alerts.size(), static_cast<size_t>(accepted) + 1);
  EXPECT_FALSE(alerts.back().completeness().complete());
  EXPECT_THAT(alerts.back().completeness().reasons(0), HasSubstr("2 alerts before this one"));
  EXPECT_TRUE(alerts.front().completeness().complete());
  EXPECT_EQ(engine_->statistics().shed, 2u);
}

TEST_F(AlertEngineTest, AFullDiskDelaysAndLosesNothing) {
  AddSinks();
  store_.SetFull(true);
  Make();
  engine_->Start();
  for (const char* title : {"a", "b", "c"}) {
    EXPECT_EQ(engine_->Raise(Draft(title)), RaiseOutcome::kAccepted);
  }
  for (int refused = 1; refused <= 3; ++refused) {
    store_.AwaitRefused(refused);
    EXPECT_THAT(all_.taken(), IsEmpty());
    clock_.AwaitWaiters(3);  // the engine and two sinks
    EXPECT_EQ(engine_->statistics().store_error, "disk full");
    if (refused == 3) store_.SetFull(false);
    clock_.Advance(absl::Seconds(60));
  }
  EXPECT_THAT(all_.AwaitTaken(3), ElementsAre("a", "b", "c"));
  EXPECT_EQ(engine_->statistics().store_error, "");
  EXPECT_EQ(engine_->statistics().stored, 3u);
}

TEST_F(AlertEngineTest, EndsWithADiskThatStaysFullAndCountsWhatIsLost) {
  store_.SetFull(true);
  Make();
  engine_->Start();
  engine_->Raise(Draft("a"));
  engine_->Raise(Draft("b"));
  store_.AwaitRefused(1);
  engine_->Stop();
  EXPECT_EQ(engine_->statistics().lost, 2u);
  EXPECT_EQ(engine_->Raise(Draft("c")), RaiseOutcome::kShed);
}

// What became of alerts, by the name they were raised under.
class Fates {
 public:
  AlertDraft Add(AlertDraft draft, const std::string& name) {
    draft.done = [this, name](AlertFate fate) {
      const base::MutexLock lock(mu_);
      fates_.emplace_back(name, fate);
      changed_.NotifyAll();
    };
    return draft;
  }
  std::vector<std::pair<std::string, AlertFate>> Await(size_t count) {
    const base::MutexLock lock(mu_);
    while (fates_.size() < count) changed_.Wait(mu_);
    return fates_;
  }

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<std::pair<std::string, AlertFate>> fates_ GUARDED_BY(mu_);
};

AlertDraft DraftWithId(const std::string& trigger, const std::string& id) {
  AlertDraft draft = Draft(trigger);
  draft.id = id;
  return draft;
}

constexpr char kId[] = "11111111-1111-8111-8111-111111111111";
constexpr char kOtherId[] = "22222222-2222-8222-8222-222222222222";

TEST_F(AlertEngineTest, TellsWhatBecameOfAnAlertOnceItIsStoredHeldBackOrShed) {
  Fates fates;
  store_.SetFull(true);
  Make();
  engine_->Start();
  engine_->Raise(fates.Add(Draft("a"), "first"));
  store_.AwaitRefused(1);
  engine_->Raise(fates.Add(Draft("a"), "alike"));
  EXPECT_THAT(fates.Await(1), ElementsAre(Pair("alike", AlertFate::kHeldBack)))
      << "what is not in the store yet is not told";
  store_.SetFull(false);
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(60));
  EXPECT_THAT(fates.Await(2).back(), Pair("first", AlertFate::kStored));
  EXPECT_EQ(StopAndRead().size(), 1u);
  engine_->Raise(fates.Add(Draft("late"), "late"));
  EXPECT_THAT(fates.Await(3).back(), Pair("late", AlertFate::kShed));
}

TEST_F(AlertEngineTest, WhatTheStoreNeverTookIsToldAsShedAtTheEnd) {
  Fates fates;
  store_.SetFull(true);
  Make();
  engine_->Start();
  engine_->Raise(fates.Add(Draft("a"), "a"));
  store_.AwaitRefused(1);
  engine_->Stop();
  EXPECT_THAT(fates.Await(1), ElementsAre(Pair("a", AlertFate::kShed)));
}

TEST_F(AlertEngineTest, AnIdIsStoredOnceHoweverOftenItIsRaised) {
  Fates fates;
  AddSinks();
  Make();
  engine_->Start();
  for (const char* name : {"1", "2"}) {
    EXPECT_EQ(engine_->Raise(fates.Add(DraftWithId("a", kId), name)), RaiseOutcome::kAccepted);
    EXPECT_THAT(fates.Await(std::stoul(name)).back(), Pair(name, AlertFate::kStored));
  }
  // Like it, and another.
  EXPECT_EQ(engine_->Raise(fates.Add(DraftWithId("a", kOtherId), "3")), RaiseOutcome::kSuppressed);
  // A gateway that began again remembers no window.
  const std::vector<v1::Alert> before = StopAndRead();
  Make();
  engine_->Start();
  EXPECT_EQ(engine_->Raise(fates.Add(DraftWithId("a", kId), "4")), RaiseOutcome::kAccepted);
  EXPECT_THAT(fates.Await(4).back(), Pair("4", AlertFate::kStored));
  EXPECT_EQ(engine_->statistics().repeated, 1u);
  EXPECT_EQ(engine_->statistics().lost, 0u);
  const std::vector<v1::Alert> alerts = StopAndRead();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].id(), kId);
  EXPECT_EQ(alerts[0].suppressed(), 0u);
  EXPECT_THAT(all_.taken(), ElementsAre("a"));
}

TEST_F(AlertEngineTest, TenThousandAtOnceFromManyThreadsAddUp) {
  AddSinks();
  Make();
  engine_->Start();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([this, t] {
        for (int i = 0; i < 2500; ++i)
          engine_->Raise(Draft("t", fmt::format("{}-{}", t, i % 2000)));
      });
    }
  }
  all_.AwaitTaken(8000);
  const AlertStatistics statistics = engine_->statistics();
  EXPECT_EQ(statistics.accepted[v1::SEVERITY_HIGH], 8000u);
  EXPECT_EQ(statistics.suppressed, 2000u);
  EXPECT_EQ(statistics.shed, 0u);
  EXPECT_EQ(StopAndRead().size(), 8000u);
  EXPECT_EQ(engine_->statistics().stored, 8000u);
  EXPECT_EQ(all_.taken().size(), 8000u);
}

TEST_F(AlertEngineTest, SinksOfAReloadTakeOverWhatIsPending) {
  SinkRecord down([](const v1::Alert&, int) { return absl::UnavailableError("down"); });
  std::vector<SinkSpec> specs;
  specs.push_back({.name = "all", .sink = std::make_unique<FakeSink>(down)});
  specs.push_back({.name = "gone", .sink = std::make_unique<FakeSink>(down)});
  ASSERT_TRUE(outbox_.SetSinks(std::move(specs)).ok());
  Make();
  engine_->Start();
  engine_->Raise(Draft("a"));
  down.AwaitAttempts(2);
  clock_.AwaitWaiters(3);  // the engine and two sinks
  AddSinks();
  clock_.AwaitWaiters(3);
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(all_.AwaitTaken(1), ElementsAre("a"));
  EXPECT_EQ(store_.Outbox("gone")->pending, 0u);
}

}  // namespace
}  // namespace daemoneye::alerting
