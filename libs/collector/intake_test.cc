#include "libs/collector/intake.h"

#include <atomic>
#include <future>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/fake_clock.h"
#include "libs/base/thread.h"
#include "libs/collector/fake_event_source.h"

namespace daemoneye::collector {
namespace {

using base::operator+;
using testing::ElementsAre;
using testing::SizeIs;

event::EventList Snapshots(size_t count) {
  event::EventList events;
  for (size_t i = 0; i < count; ++i) {
    events.push_back(FakeProcessEvent(v1::PROCESS_ACTION_SNAPSHOT, i));
  }
  return events;
}

std::vector<uint32_t> Pids(const event::EventList& events) {
  std::vector<uint32_t> pids;
  for (const event::Event& event : events) pids.push_back(event.process().pid());
  return pids;
}

class IntakeTest : public testing::Test {
 protected:
  void Make(const CollectorConfig& config) {
    ASSERT_TRUE(config.Validate().ok()) << config.Validate();
    intake_.emplace(config, clock_);
    source_ = intake_->AddSource("a");
    other_ = intake_->AddSource("b");
    intake_->Open(source_);
    intake_->Open(other_);
  }
  // Takes a batch and has it published whole.
  event::EventList TakeAndPublish() {
    std::optional<Intake::Batch> batch = intake_->Take();
    if (!batch.has_value()) return {};
    for (event::Event& notice : batch->notices) losses_.push_back(notice.loss());
    event::EventList events = std::move(batch->events);
    intake_->OnPublished(*batch, batch->position_count);
    return events;
  }
  void ExpectAccountAddsUp() {
    const CollectorStatistics s = intake_->Statistics();
    EXPECT_EQ(s.observed, s.published + s.filtered + s.dropped_total() + s.pending);
  }

  base::FakeClock clock_;
  std::optional<Intake> intake_;
  size_t source_ = 0;
  size_t other_ = 0;
  std::vector<v1::LossEvent> losses_;
};

TEST_F(IntakeTest, ALoneEventIsTakenAtOnce) {
  Make({});
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(7, 1)).ok());
  // The clock stands still: waiting for more would never end.
  EXPECT_THAT(Pids(TakeAndPublish()), ElementsAre(7));
  const CollectorStatistics s = intake_->Statistics();
  EXPECT_EQ(s.published, 1u);
  EXPECT_EQ(s.published_by_kind[v1::EVENT_KIND_PROCESS], 1u);
  EXPECT_EQ(s.sources[0].observed_by_kind[v1::EVENT_KIND_PROCESS], 1u);
  EXPECT_EQ(s.pending, 0u);
}

TEST_F(IntakeTest, BatchesEndAtTheirSizeAndJoinWhatIsQueued) {
  Make({.max_batch_size = 10});
  for (uint32_t first : {0, 4, 8}) {
    ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(first, 4)).ok());
  }
  EXPECT_THAT(Pids(TakeAndPublish()), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(Pids(TakeAndPublish()), ElementsAre(10, 11));
  ExpectAccountAddsUp();
}

TEST_F(IntakeTest, AboveTheThresholdAProducerWaitsThenAllItBringsIsShedAndCounted) {
  Make({.event_buffer_size = 10, .backpressure_threshold = 8});
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(0, 8)).ok());
  auto late = std::async([&] { return intake_->Emit(source_, FakeProcessEvents(8, 2)); });
  clock_.AwaitWaiters(1);
  EXPECT_EQ(intake_->Statistics().pending, 10u) << "it waits: neither queued nor shed";
  clock_.Advance(absl::Milliseconds(500));
  EXPECT_TRUE(absl::IsResourceExhausted(late.get()));
  ExpectAccountAddsUp();
  EXPECT_EQ(intake_->Statistics().dropped_total(), 2u);
  EXPECT_EQ(intake_->Statistics().backpressure_waits, 1u);
  EXPECT_THAT(TakeAndPublish(), SizeIs(8));
  ASSERT_THAT(losses_, SizeIs(1));
  EXPECT_EQ(losses_[0].stage(), "intake");
  EXPECT_EQ(losses_[0].reason(), "backpressure");
  EXPECT_EQ(losses_[0].count(), 2u);
}

TEST_F(IntakeTest, AProducerThatWaitsGoesOnWhenThePumpTakes) {
  Make({.event_buffer_size = 10, .backpressure_threshold = 8});
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(0, 9)).ok());
  auto late = std::async([&] { return intake_->Emit(source_, FakeProcessEvents(9, 1)); });
  clock_.AwaitWaiters(1);
  event::EventList all = TakeAndPublish();
  EXPECT_TRUE(late.get().ok());
  while (all.size() < 10) {
    for (event::Event& event : TakeAndPublish()) all.push_back(std::move(event));
  }
  EXPECT_THAT(Pids(all), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(intake_->Statistics().dropped_total(), 0u);
}

TEST_F(IntakeTest, ABatchLargerThanTheIntakeGoesThroughInPieces) {
  Make({});
  auto big = std::async([&] { return intake_->Emit(source_, Snapshots(5000)); });
  size_t taken = 0;
  while (taken < 5000) {
    const event::EventList events = TakeAndPublish();
    for (const event::Event& event : events) ASSERT_EQ(event.process().pid(), taken++);
    EXPECT_LE(intake_->Statistics().queue_length, 1000u);
  }
  EXPECT_TRUE(big.get().ok());
  const CollectorStatistics s = intake_->Statistics();
  EXPECT_EQ(s.snapshots, 5000u);
  EXPECT_EQ(s.snapshots_dropped, 0u);
  EXPECT_EQ(s.observed, 0u) << "snapshot events are state";
}

TEST_F(IntakeTest, SnapshotsThatAreShedAreToldApart) {
  Make({.event_buffer_size = 4, .backpressure_threshold = 2});
  auto big = std::async([&] { return intake_->Emit(source_, Snapshots(10)); });
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Milliseconds(500));
  EXPECT_TRUE(absl::IsResourceExhausted(big.get()));
  TakeAndPublish();
  ASSERT_THAT(losses_, SizeIs(1));
  EXPECT_EQ(losses_[0].reason(), "snapshot");
  EXPECT_EQ(losses_[0].count(), 6u);
  EXPECT_EQ(intake_->Statistics().snapshots_dropped, 6u);
  EXPECT_EQ(intake_->Statistics().dropped_total(), 0u);
  ExpectAccountAddsUp();
}

TEST_F(IntakeTest, OneSourceCannotFillTheIntakeBeyondItsShare) {
  Make({.event_buffer_size = 100, .max_events_in_flight = 10});
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(0, 10)).ok());
  EXPECT_FALSE(intake_->AwaitRoom(source_, clock_.MonotonicNow()));
  EXPECT_TRUE(intake_->AwaitRoom(other_, clock_.MonotonicNow()));
  EXPECT_TRUE(intake_->Emit(other_, FakeProcessEvents(0, 10)).ok());
}

TEST_F(IntakeTest, ABatchWaitsForASourceThatIsStillHandingOverAtMostItsTimeout) {
  Make({.event_buffer_size = 4, .max_events_in_flight = 2, .max_batch_size = 100});
  // `other` keeps the intake at its threshold, so `source` cannot hand over its second event.
  auto dribble = std::async([&] { return intake_->Emit(source_, FakeProcessEvents(0, 6)); });
  clock_.AwaitWaiters(1);
  auto taken = std::async([&] { return TakeAndPublish(); });
  EXPECT_THAT(Pids(taken.get()), ElementsAre(0, 1, 2, 3, 4, 5)) << "pieces joined to one batch";
  EXPECT_TRUE(dribble.get().ok());
}

TEST_F(IntakeTest, AwaitRoomEndsWithRoomOrTheDeadlineOrTheEnd) {
  Make({.event_buffer_size = 10, .backpressure_threshold = 5});
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(0, 5)).ok());
  const auto await = [&] {
    return std::async([&, deadline = clock_.MonotonicNow() + absl::Seconds(1)] {
      return intake_->AwaitRoom(other_, deadline);
    });
  };
  auto at_deadline = await();
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(at_deadline.get());
  auto with_room = await();
  clock_.AwaitWaiters(1);
  TakeAndPublish();
  EXPECT_TRUE(with_room.get());
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(0, 5)).ok());
  auto at_end = await();
  clock_.AwaitWaiters(1);
  intake_->Close();
  EXPECT_FALSE(at_end.get());
}

TEST_F(IntakeTest, RefusesAndCountsWhatComesAfterTheSourceWasShut) {
  Make({});
  intake_->Shut(source_);
  EXPECT_TRUE(absl::IsFailedPrecondition(intake_->Emit(source_, FakeProcessEvents(0, 3))));
  EXPECT_TRUE(intake_->Emit(other_, FakeProcessEvents(0, 1)).ok());
  EXPECT_THAT(TakeAndPublish(), SizeIs(1));
  ASSERT_THAT(losses_, SizeIs(1));
  EXPECT_EQ(losses_[0].reason(), "stopped");
  ExpectAccountAddsUp();
}

TEST_F(IntakeTest, ClosedGivesWhatIsLeftAndEveryLossThenEnds) {
  Make({});
  intake_->ReportLoss(source_, "kernel", "ring_full", 5);
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(0, 3)).ok());
  EXPECT_THAT(TakeAndPublish(), SizeIs(3));
  EXPECT_THAT(losses_, SizeIs(1));
  intake_->ReportLoss(source_, "kernel", "ring_full", 6);  // not due for a second
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(3, 2)).ok());
  intake_->Close();
  EXPECT_THAT(TakeAndPublish(), SizeIs(2));
  ASSERT_THAT(losses_, SizeIs(2));
  EXPECT_EQ(losses_[1].count(), 6u);
  EXPECT_EQ(losses_[1].total(), 11u);
  EXPECT_EQ(intake_->Take(), std::nullopt);
  EXPECT_FALSE(intake_->Emit(source_, FakeProcessEvents(0, 1)).ok());
  ExpectAccountAddsUp();
  EXPECT_EQ(intake_->Statistics().pending, 0u);
}

TEST_F(IntakeTest, ALossIsToldWithoutAnyEvent) {
  Make({});
  auto taken = std::async([&] { return TakeAndPublish(); });
  intake_->ReportLoss(source_, "kernel", "overflow", std::nullopt);
  EXPECT_THAT(taken.get(), SizeIs(0));
  ASSERT_THAT(losses_, SizeIs(1));
  EXPECT_FALSE(losses_[0].has_count());
  EXPECT_EQ(intake_->Statistics().notices, 1u);
  ExpectAccountAddsUp();
}

TEST_F(IntakeTest, WhatTheBusRefusesIsLostAtTheBus) {
  Make({});
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(0, 3)).ok());
  std::optional<Intake::Batch> batch = intake_->Take();
  intake_->OnPublished(*batch, 2);
  ExpectAccountAddsUp();
  ASSERT_THAT(intake_->Statistics().dropped, SizeIs(1));
  EXPECT_EQ(intake_->Statistics().dropped[0].stage, "bus");
}

TEST_F(IntakeTest, FilteredEventsAreObserved) {
  Make({});
  intake_->CountFiltered(source_, 4);
  EXPECT_EQ(intake_->Statistics().observed, 4u);
  EXPECT_EQ(intake_->Counts(source_).observed, 4u);
  ExpectAccountAddsUp();
}

TEST_F(IntakeTest, AwaitPublishedWaitsForWhatIsInThePumpsHand) {
  Make({});
  ASSERT_TRUE(intake_->Emit(source_, FakeProcessEvents(0, 3)).ok());
  std::optional<Intake::Batch> batch = intake_->Take();
  EXPECT_FALSE(intake_->AwaitPublished(clock_.MonotonicNow()));
  auto waits =
      std::async([&] { return intake_->AwaitPublished(clock_.MonotonicNow() + absl::Seconds(1)); });
  clock_.AwaitWaiters(1);
  intake_->OnPublished(*batch, 3);
  EXPECT_TRUE(waits.get());
}

}  // namespace
}  // namespace daemoneye::collector
