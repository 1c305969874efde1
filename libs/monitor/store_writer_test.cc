#include "libs/monitor/store_writer.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/event_bus/local_event_bus.h"
#include "libs/storage/sqlite/store_fixture.h"

namespace daemoneye::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

event::EventList Events(int count, const std::string& text = "x") {
  event::EventList events(static_cast<size_t>(count));
  for (event::Event& event : events) {
    event.mutable_process()->set_action(v1::PROCESS_ACTION_SAMPLE);
    event.mutable_process()->set_own(true);
    event.mutable_process()->set_name(text);
  }
  return events;
}

// A store whose writes fail while they are told to.
class FailingEvents final : public storage::EventStore {
 public:
  explicit FailingEvents(storage::EventStore& real) : real_(real) {}
  absl::StatusOr<storage::AppendResult> Append(const storage::EventBatchToStore& batch) override {
    if (!is_failing) return real_.Append(batch);
    base::MutexLock lock(mu_);
    ++failures_;
    failed_.NotifyAll();
    return absl::ResourceExhaustedError("disk full");
  }
  void AwaitFailures(int count) {
    base::MutexLock lock(mu_);
    while (failures_ < count) failed_.Wait(mu_);
  }
  absl::StatusOr<std::unique_ptr<storage::EventReader>> Read(
      const storage::ReadOptions& o) const override {
    return real_.Read(o);
  }
  absl::StatusOr<storage::LogPage> ReadLog(std::string_view log, uint64_t after, size_t events,
                                           size_t bytes) const override {
    return real_.ReadLog(log, after, events, bytes);
  }
  absl::StatusOr<storage::LogRange> HeldRange(std::string_view log) const override {
    return real_.HeldRange(log);
  }
  absl::StatusOr<v1::CollectionEvent> Find(const v1::Origin& o) const override {
    return real_.Find(o);
  }
  absl::StatusOr<uint64_t> LastPosition(std::string_view id) const override {
    return real_.LastPosition(id);
  }
  absl::StatusOr<storage::PruneResult> Prune(const storage::RetentionPolicy& policy, absl::Time now,
                                             size_t max) override {
    return real_.Prune(policy, now, max);
  }
  storage::EventStoreStatistics statistics() const override { return real_.statistics(); }

  std::atomic<bool> is_failing = false;

 private:
  storage::EventStore& real_;
  base::Mutex mu_;
  base::CondVar failed_;
  int failures_ GUARDED_BY(mu_) = 0;
};

class FailingStore final : public storage::Store {
 public:
  explicit FailingStore(storage::Store& real) : failing(real.events()), real_(real) {}
  storage::EventStore& events() override { return failing; }
  storage::AlertStore& alerts() override { return real_.alerts(); }
  storage::TriggerStore& triggers() override { return real_.triggers(); }
  storage::ExecutionStore& executions() override { return real_.executions(); }
  storage::AuditLog& audit() override { return real_.audit(); }
  absl::Status health() const override { return real_.health(); }
  std::map<std::string, storage::TableRows> rows() const override { return real_.rows(); }

  FailingEvents failing;

 private:
  storage::Store& real_;
};

class StoreWriterTest : public ::testing::Test {
 protected:
  std::unique_ptr<event_bus::LocalEventBus> MakeBus(size_t ring_bytes = 16 << 20) {
    event_bus::LocalEventBusOptions options;
    options.monitor = "procmond";
    options.host = "h";
    options.ring_bytes = ring_bytes;
    return std::make_unique<event_bus::LocalEventBus>(options, base::Clock::Real());
  }
  uint64_t Stored(const std::string& stream) {
    const auto page = fixture_.store().ReadLog(stream, 0, 1'000'000, 1 << 30);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->positions.size() : 0;
  }
  // Far longer than the store's tests run, so that nothing is pruned unasked.
  StoreWriterOptions Options() {
    StoreWriterOptions options;
    options.min_backoff = absl::Milliseconds(1);
    options.max_backoff = absl::Milliseconds(2);
    options.stop_limit = absl::Seconds(60);  // all of it, however slow a sanitizer is
    options.retention = {.max_age = absl::Hours(1e6), .max_sample_age = absl::Hours(1e6)};
    return options;
  }

  storage::SqliteStoreFixture fixture_;
};

TEST_F(StoreWriterTest, StoresEveryEventAlsoSamplesAndOwnOnes) {
  const auto bus = MakeBus();
  bus->Publish(Events(3));
  StoreWriter writer(*bus, fixture_.sqlite(), base::Clock::Real(), Options());
  ASSERT_TRUE(writer.Start().ok());
  for (int i = 0; i < 10; ++i) bus->Publish(Events(100));
  writer.Stop();
  EXPECT_EQ(Stored(bus->stream_id()), 1003u);
  EXPECT_EQ(writer.statistics().stored, 1003u);
  EXPECT_EQ(*fixture_.store().LastPosition(bus->stream_id()), 1003u);
}

TEST_F(StoreWriterTest, StoresAnOriginOnceWhenItComesAgain) {
  event::EventList events = Events(2);
  for (size_t i = 0; i < events.size(); ++i) {
    events[i].mutable_origin()->set_stream_id("monitor");
    events[i].mutable_origin()->set_sequence(i + 1);
  }
  for (const uint64_t expected : {2u, 0u}) {
    const auto bus = MakeBus();
    StoreWriter writer(*bus, fixture_.sqlite(), base::Clock::Real(), Options());
    ASSERT_TRUE(writer.Start().ok());
    bus->Publish(events);
    writer.Stop();
    EXPECT_EQ(writer.statistics().stored, expected);
    EXPECT_EQ(writer.statistics().duplicates, 2 - expected);
  }
}

TEST_F(StoreWriterTest, HoldsItsPlaceWhileTheDiskIsFullAndSaysSo) {
  const auto bus = MakeBus();
  FailingStore store(fixture_.sqlite());
  std::vector<absl::StatusCode> told;
  StoreWriterOptions options = Options();
  options.on_health = [&](const absl::Status& status) { told.push_back(status.code()); };
  StoreWriter writer(*bus, store, base::Clock::Real(), options);
  store.failing.is_failing = true;
  ASSERT_TRUE(writer.Start().ok());
  bus->Publish(Events(5));
  store.failing.AwaitFailures(3);
  EXPECT_EQ(writer.health().code(), absl::StatusCode::kResourceExhausted);
  bus->Publish(Events(5));
  store.failing.is_failing = false;
  writer.Stop();
  EXPECT_TRUE(writer.health().ok());
  EXPECT_EQ(Stored(bus->stream_id()), 10u);
  EXPECT_EQ(writer.statistics().missed, 0u);
  EXPECT_THAT(told, ElementsAre(absl::StatusCode::kResourceExhausted, absl::StatusCode::kOk));
}

TEST_F(StoreWriterTest, CountsAndTellsExactlyWhatTheRingLostMeanwhile) {
  const auto bus = MakeBus(64 << 10);
  FailingStore store(fixture_.sqlite());
  std::vector<event_bus::MissedRange> told;
  StoreWriterOptions options = Options();
  options.on_missed = [&](const event_bus::MissedRange& missed) { told.push_back(missed); };
  StoreWriter writer(*bus, store, base::Clock::Real(), options);
  store.failing.is_failing = true;
  ASSERT_TRUE(writer.Start().ok());
  bus->Publish(Events(1));
  store.failing.AwaitFailures(1);
  for (int i = 0; i < 100; ++i) bus->Publish(Events(10, std::string(1000, 'x')));
  store.failing.is_failing = false;
  writer.Stop();
  const StoreWriterStatistics statistics = writer.statistics();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(statistics.missed, told[0].last_sequence - told[0].first_sequence + 1);
  EXPECT_GT(statistics.missed, 500u);
  EXPECT_EQ(statistics.stored + statistics.missed, 1001u);
  EXPECT_EQ(Stored(bus->stream_id()), statistics.stored);
}

TEST_F(StoreWriterTest, StopsAtOnceWhileThereIsNothingToStore) {
  const auto bus = MakeBus();
  StoreWriter writer(*bus, fixture_.sqlite(), base::Clock::Real(), Options());
  ASSERT_TRUE(writer.Start().ok());
  bus->Publish(Events(1));
  while (writer.statistics().stored == 0) std::this_thread::yield();
  const base::Monotonic begin = base::Clock::Real().MonotonicNow();
  writer.Stop();
  // Half of what it used to sleep at a time.
  EXPECT_LT(base::Elapsed(begin, base::Clock::Real().MonotonicNow()), absl::Milliseconds(250));
}

TEST_F(StoreWriterTest, ASlowStoreDoesNotHoldUpTheEndForLongerThanItsLimit) {
  const auto bus = MakeBus();
  StoreWriterOptions options = Options();
  options.max_batch_events = 1;
  options.stop_limit = absl::Milliseconds(50);
  StoreWriter writer(*bus, fixture_.sqlite(), base::Clock::Real(), options);
  ASSERT_TRUE(writer.Start().ok());
  for (int i = 0; i < 20; ++i) bus->Publish(Events(500));
  const base::Monotonic begin = base::Clock::Real().MonotonicNow();
  writer.Stop();
  EXPECT_LT(base::Elapsed(begin, base::Clock::Real().MonotonicNow()), absl::Seconds(1));
  EXPECT_LT(writer.statistics().position, 10'000u);
  EXPECT_EQ(Stored(bus->stream_id()), writer.statistics().position);
}

TEST_F(StoreWriterTest, TakesMarksOfWhatIsStored) {
  const auto bus = MakeBus();
  StoreWriterOptions options = Options();
  std::atomic<uint64_t> asked = 0;
  options.take_marks = [&](uint64_t stored) {
    asked = stored;
    return std::vector<storage::LogMark>{{.stream_id = "below", .sequence = stored * 10}};
  };
  StoreWriter writer(*bus, fixture_.sqlite(), base::Clock::Real(), options);
  ASSERT_TRUE(writer.Start().ok());
  bus->Publish(Events(4));
  writer.Stop();
  EXPECT_EQ(asked, 4u);
  EXPECT_EQ(*fixture_.store().LastPosition("below"), 40u);
}

}  // namespace
}  // namespace daemoneye::monitor
