#include "libs/event_bus/local_event_bus.h"

#include <gtest/gtest.h>

#include "libs/base/fake_clock.h"
#include "libs/event_bus/event_bus_conformance.h"

namespace daemoneye::event_bus {

std::unique_ptr<EventBus> MakeLocalEventBus(const BusUnderTest& options) {
  return std::make_unique<LocalEventBus>(
      LocalEventBusOptions{.monitor = "monitor",
                           .host = "host",
                           .ring_bytes = options.ring_bytes,
                           .max_subscribers = options.max_subscribers},
      base::Clock::Real());
}

INSTANTIATE_TEST_SUITE_P(Local, EventBusConformance, testing::Values(&MakeLocalEventBus));

namespace {

TEST(LocalEventBusTest, TheRingIsBoundedByEventsToo) {
  LocalEventBus bus({.ring_max_events = 100}, base::Clock::Real());
  for (int i = 0; i < 50; ++i) bus.Publish(Starts(1, 7));
  EXPECT_LE(bus.statistics().ring_events, 100u);
  EXPECT_GE(bus.statistics().ring_events, 94u);
}

TEST(LocalEventBusTest, ALargePublishIsCutSoThatEvictionIsFine) {
  LocalEventBus bus({.ring_bytes = 256 << 10}, base::Clock::Real());
  auto reader = bus.Subscribe({});
  EXPECT_EQ(bus.Publish(Starts(1, 2500)), 2500u);
  EXPECT_LE(bus.statistics().ring_bytes, 256u << 10);
  const auto framed = bus.PublishFramed(Framed(Starts(1, 2500)));
  EXPECT_EQ(framed, 2500u);
  EXPECT_LE(bus.statistics().ring_bytes, 256u << 10);
  uint64_t last = 0;
  while (true) {
    const auto delivery = (*reader)->Poll({.max_events = 1000});
    for (const uint64_t sequence : SequencesOf(*delivery)) {
      ASSERT_TRUE(last == 0 || sequence == last + 1) << sequence;
      last = sequence;
    }
    if (delivery->caught_up) break;
  }
  EXPECT_EQ(last, 5000u);
}

TEST(LocalEventBusTest, AnEventLargerThanTheRingStillPasses) {
  LocalEventBus bus({.ring_bytes = 8 << 10}, base::Clock::Real());
  auto reader = bus.Subscribe({});
  event::Event large = StartOf(1);
  large.mutable_process()->add_command_line(std::string(100'000, 'x'));
  bus.Publish(ListOf(large));
  EXPECT_EQ((*reader)->Poll({.max_bytes = 1000})->event_count, 1u);
  bus.Publish(Starts(1, 1));
  EXPECT_LE(bus.statistics().ring_bytes, 8u << 10);
}

TEST(LocalEventBusTest, OldBatchesAreParsedAgainForWhoNeedsTheirContent) {
  LocalEventBus bus({.young_bytes = 0}, base::Clock::Real());
  SubscribeOptions options;
  options.filter.add_pids(7);
  options.from_sequence = 1;
  bus.Publish(Starts(1, 10));
  auto reader = bus.Subscribe(options);
  EXPECT_THAT(SequencesOf(*(*reader)->Poll({.max_events = 2})), testing::ElementsAre(7));
}

TEST(LocalEventBusTest, WhatIsParsedAgainIsParsedIntoEventsThatWereUsed) {
  LocalEventBus bus({.young_bytes = 0}, base::Clock::Real());
  auto reader = bus.Subscribe({});
  bus.Publish(Starts(1, 2));
  const auto delivery = (*reader)->Poll({});
  const EventBatch& batch = *delivery->spans.front().batch;
  std::shared_ptr<const event::EventList> first = batch.parsed();
  const v1::ProcessEvent* const process = &(*first)[1].process();
  EXPECT_NE(&(*batch.parsed())[1].process(), process);
  first.reset();
  const auto again = batch.parsed();
  ASSERT_EQ(again->size(), 2u);
  EXPECT_EQ(again->back().process().pid(), 2u);
  EXPECT_THAT(std::vector({&(*again)[0].process(), &(*again)[1].process()}),
              testing::Contains(process));
}

TEST(LocalEventBusTest, FramesThatAreNotWellFormedAreTakenFromTheParsedForm) {
  LocalEventBus bus({}, base::Clock::Real());
  auto reader = bus.Subscribe({});
  FramedEvents framed = Framed(Starts(1, 2));
  framed.frames.pop_back();
  EXPECT_EQ(bus.PublishFramed(std::move(framed)), 2u);
  EXPECT_THAT(SequencesOf(*(*reader)->Poll({})), testing::ElementsAre(1, 2));
}

TEST(LocalEventBusTest, FramesWithoutAParsedFormAreParsedAndPoisonIsDroppedAlone) {
  LocalEventBus bus({}, base::Clock::Real());
  auto reader = bus.Subscribe({});
  event::EventList events = Starts(1, 3);
  FramedEvents framed = Framed(events);
  framed.parsed = nullptr;
  const size_t key = framed.frames.find("key-2");
  framed.frames[key] = '\xFF';  // broken UTF-8
  EXPECT_EQ(bus.PublishFramed(std::move(framed)), 2u);
  const event::EventList got = EventsOf(*(*reader)->Poll({}));
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[1].process().pid(), 3u);
  EXPECT_EQ(got[1].sequence(), 2u);
}

TEST(LocalEventBusTest, AFramedEventWithoutOriginGetsTheBusesOwn) {
  LocalEventBus bus({.monitor = "m"}, base::Clock::Real());
  auto reader = bus.Subscribe({});
  FramedEvents framed;
  framed.parsed = std::make_shared<event::EventList>(Starts(1, 1));
  const std::string bytes = framed.parsed->front().SerializeAsString();
  framed.frames = std::string("\x0A") + static_cast<char>(bytes.size()) + bytes;
  framed.offsets = {0};
  EXPECT_EQ(bus.PublishFramed(std::move(framed)), 1u);
  const event::EventList got = EventsOf(*(*reader)->Poll({}));
  EXPECT_EQ(got[0].origin().monitor(), "m");
  EXPECT_EQ(got[0].sequence(), 1u);
}

TEST(LocalEventBusTest, NothingPublishedIsNothingAppended) {
  LocalEventBus bus({}, base::Clock::Real());
  EXPECT_EQ(bus.Publish({}), 0u);
  EXPECT_EQ(bus.PublishFramed({}), 0u);
  EXPECT_EQ(bus.statistics().next_sequence, 1u);
}

TEST(LocalEventBusTest, AWakeUpIsSparedWhereNothingCanPass) {
  LocalEventBus bus({}, base::Clock::Real());
  int calls = 0;
  SubscribeOptions options;
  options.filter.add_actions("STOP");
  options.on_ready = [&calls] { ++calls; };
  auto reader = bus.Subscribe(options);
  ASSERT_TRUE((*reader)->Arm());
  bus.Publish(Starts(1, 5));
  EXPECT_EQ(calls, 0);
  bus.Publish(ListOf(ProcessWord(v1::PROCESS_ACTION_STOP, 1)));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ((*reader)->Poll({})->position, 6u);
}

TEST(LocalEventBusTest, SqlFiltersAreBounded) {
  LocalEventBus bus({.max_sql_filters = 1}, base::Clock::Real());
  SubscribeOptions options;
  options.filter.set_sql("pid = 1");
  auto one = bus.Subscribe(options);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(bus.Subscribe(options).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(bus.Subscribe({}).ok());
  one->reset();
  EXPECT_TRUE(bus.Subscribe(options).ok());
}

TEST(LocalEventBusTest, NextWaitsOnItsClock) {
  base::FakeClock clock;
  LocalEventBus bus({}, clock);
  auto reader = bus.Subscribe({});
  const auto deadline = clock.MonotonicNow() + absl::Seconds(5);
  base::Thread advancer("advancer", [&clock](std::stop_token) {
    clock.AwaitWaiters(1);
    clock.Advance(absl::Seconds(5));
  });
  EXPECT_EQ((*reader)->Next({}, deadline)->event_count, 0u);
}

TEST(LocalEventBusTest, ClientIdsAreBoundedAndTold) {
  LocalEventBus bus({}, base::Clock::Real());
  SubscribeOptions options;
  options.client_id = std::string(129, 'x');
  EXPECT_EQ(bus.Subscribe(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.client_id = "gateway";
  auto reader = bus.Subscribe(options);
  EXPECT_EQ(bus.statistics().subscribers.at(0).client_id, "gateway");
}

}  // namespace
}  // namespace daemoneye::event_bus
