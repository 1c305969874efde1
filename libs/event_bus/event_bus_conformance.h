// The conformance suite of EventBus: what every implementation does.
//
//   INSTANTIATE_TEST_SUITE_P(Mine, EventBusConformance, testing::Values(&MakeMyBus));
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "libs/base/clock.h"
#include "libs/base/thread.h"
#include "libs/event_bus/bus_test_support.h"
#include "libs/event_bus/event_bus.h"

namespace daemoneye::event_bus {

struct BusUnderTest {
  // Component and host that the bus gives as origin are "monitor" and "host".
  size_t ring_bytes = 1 << 20;
  size_t max_subscribers = 1000;
};
using BusFactory = std::unique_ptr<EventBus> (*)(const BusUnderTest&);

class EventBusConformance : public testing::TestWithParam<BusFactory> {
 protected:
  std::unique_ptr<EventBus> Make(const BusUnderTest& options = {}) { return GetParam()(options); }
  static std::unique_ptr<Subscription> Read(EventBus& bus, SubscribeOptions options = {}) {
    auto subscription = bus.Subscribe(std::move(options));
    EXPECT_TRUE(subscription.ok()) << subscription.status();
    return *std::move(subscription);
  }
  static SubscribeOptions Filtered(const std::string& filter) {
    SubscribeOptions options;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(filter, &options.filter)) << filter;
    return options;
  }
};

using base::operator+;  // Monotonic is an alias, so not found by its argument
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

inline std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

TEST_P(EventBusConformance, GivesSequenceOriginAndCorrelation) {
  auto bus = Make();
  auto reader = Read(*bus);
  EXPECT_EQ(bus->Publish(Starts(1, 2)), 2u);
  event::Event loss;
  loss.mutable_loss()->set_count(3);
  EXPECT_EQ(bus->Publish(ListOf(loss)), 1u);
  const auto delivery = reader->Poll({});
  ASSERT_TRUE(delivery.ok());
  const event::EventList events = EventsOf(*delivery);
  ASSERT_EQ(events.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(events[i].sequence(), i + 1);
    EXPECT_EQ(events[i].origin().monitor(), "monitor");
    EXPECT_EQ(events[i].origin().host(), "host");
    EXPECT_EQ(events[i].origin().stream_id(), bus->stream_id());
    EXPECT_EQ(events[i].origin().sequence(), i + 1);
  }
  EXPECT_EQ(events[1].correlation().correlation_id(), "key-2");
  EXPECT_EQ(events[2].correlation().correlation_id(), bus->stream_id() + ":3");
  EXPECT_EQ(delivery->position, 3u);
  EXPECT_TRUE(delivery->caught_up);
}

TEST_P(EventBusConformance, KeepsOriginAndCorrelationThatAreThere) {
  auto bus = Make();
  auto reader = Read(*bus);
  event::Event event = StartOf(1);
  event.mutable_origin()->set_stream_id("elsewhere");
  event.mutable_origin()->set_sequence(77);
  event.mutable_correlation()->set_correlation_id("mine");
  bus->Publish(ListOf(event));
  const event::EventList events = EventsOf(*reader->Poll({}));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].sequence(), 1u);
  EXPECT_EQ(events[0].origin().SerializeAsString(), event.origin().SerializeAsString());
  EXPECT_EQ(events[0].correlation().correlation_id(), "mine");
}

TEST_P(EventBusConformance, FramedEventsGetTheirSequenceInPlaceAndKeepAllElse) {
  auto bus = Make();
  auto reader = Read(*bus);
  bus->Publish(Starts(1, 1));
  FramedEvents framed = Framed(Starts(10, 3), 500);
  const event::EventList sent = *framed.parsed;
  EXPECT_EQ(bus->PublishFramed(std::move(framed)), 3u);
  const auto delivery = reader->Poll({});
  const event::EventList events = EventsOf(*delivery);
  ASSERT_EQ(events.size(), 4u);
  for (size_t i = 0; i < 3; ++i) {
    event::Event expected = sent[i];
    expected.set_sequence(i + 2);
    EXPECT_EQ(events[i + 1].SerializeAsString(), expected.SerializeAsString());
  }
  // The parsed form says the same as the bytes.
  const BatchSpan& last = delivery->spans.back();
  EXPECT_EQ(last.batch->parsed()->back().sequence(), 4u);
}

TEST_P(EventBusConformance, AFramedEventThatHidesASecondSequenceIsRewritten) {
  auto bus = Make();
  auto reader = Read(*bus);
  FramedEvents framed = Framed(Starts(1, 1), 5);
  const std::string lie("\x09\x63\0\0\0\0\0\0\0", 9);  // field 1 again: a reader takes the last
  framed.frames += lie;
  framed.frames[1] = static_cast<char>(framed.frames[1] + lie.size());
  ASSERT_LT(framed.frames.size(), 127u);
  EXPECT_EQ(bus->PublishFramed(std::move(framed)), 1u);
  const event::EventList events = EventsOf(*reader->Poll({}));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].sequence(), 1u);
}

TEST_P(EventBusConformance, FramedSnapshotAndControlEventsAreNoPositions) {
  auto bus = Make();
  auto reader = Read(*bus);
  event::EventList events = Starts(1, 1);
  events.push_back(ProcessWord(v1::PROCESS_ACTION_SNAPSHOT, 2));
  events.emplace_back().mutable_control()->mutable_heartbeat();
  events.push_back(StartOf(3));
  EXPECT_EQ(bus->PublishFramed(Framed(std::move(events))), 2u);
  EXPECT_THAT(SequencesOf(*reader->Poll({})), ElementsAre(1, 2));
  EXPECT_EQ(bus->Snapshot({})->events.size(), 3u);
}

TEST_P(EventBusConformance, ASubscriberBeginsAtTheNextEventOrWhereItSays) {
  auto bus = Make();
  bus->Publish(Starts(1, 10));
  auto fresh = Read(*bus);
  SubscribeOptions from;
  from.from_sequence = 8;
  auto resumed = Read(*bus, from);
  from.from_sequence = 11;
  auto at_end = Read(*bus, from);
  EXPECT_EQ(fresh->Poll({})->event_count, 0u);
  EXPECT_THAT(SequencesOf(*resumed->Poll({})), ElementsAre(8, 9, 10));
  EXPECT_EQ(at_end->Poll({})->event_count, 0u);
  bus->Publish(Starts(20, 1));
  EXPECT_THAT(SequencesOf(*fresh->Poll({})), ElementsAre(11));
  EXPECT_THAT(SequencesOf(*at_end->Poll({})), ElementsAre(11));
  for (const uint64_t wrong : {uint64_t{0}, uint64_t{13}}) {
    from.from_sequence = wrong;
    EXPECT_THAT(MessageOf(bus->Subscribe(from).status()), HasSubstr("from_sequence"));
  }
}

TEST_P(EventBusConformance, DeliversWithinLimitsAndGoesOnWhereItStopped) {
  auto bus = Make();
  auto reader = Read(*bus);
  bus->Publish(Starts(1, 10));
  const auto four = reader->Poll({.max_events = 4});
  EXPECT_THAT(SequencesOf(*four), ElementsAre(1, 2, 3, 4));
  EXPECT_FALSE(four->caught_up);
  const size_t two_frames = 2 * four->spans[0].batch->frames(0, 1).size();
  EXPECT_THAT(SequencesOf(*reader->Poll({.max_bytes = two_frames})), ElementsAre(5, 6));
  // At least one, however little is allowed.
  EXPECT_THAT(SequencesOf(*reader->Poll({.max_bytes = 1})), ElementsAre(7));
  EXPECT_THAT(SequencesOf(*reader->Poll({.max_events = 0})), ElementsAre(8));
  const auto rest = reader->Poll({});
  EXPECT_THAT(SequencesOf(*rest), ElementsAre(9, 10));
  EXPECT_TRUE(rest->caught_up);
}

TEST_P(EventBusConformance, EventsAreSerialisedOnceAndShared) {
  auto bus = Make();
  auto one = Read(*bus);
  auto two = Read(*bus);
  bus->Publish(Starts(1, 5));
  EXPECT_EQ(one->Poll({})->spans[0].frames().data(), two->Poll({})->spans[0].frames().data());
}

TEST_P(EventBusConformance, FiltersByTraitsContentAndSql) {
  auto bus = Make();
  auto starts = Read(*bus, Filtered("actions: 'START'"));
  auto pid = Read(*bus, Filtered("pids: 3"));
  auto sql = Read(*bus, Filtered("kinds: EVENT_KIND_PROCESS sql: 'pid % 2 = 1'"));
  auto denied = Read(*bus, Filtered("deny { pids: [1, 2] }"));
  bus->Publish(Starts(1, 4));
  bus->Publish(ListOf(ProcessWord(v1::PROCESS_ACTION_STOP, 3)));
  EXPECT_THAT(SequencesOf(*starts->Poll({})), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(SequencesOf(*pid->Poll({})), ElementsAre(3, 5));
  EXPECT_THAT(SequencesOf(*sql->Poll({})), ElementsAre(1, 3, 5));
  EXPECT_THAT(SequencesOf(*denied->Poll({})), ElementsAre(3, 4, 5));
  EXPECT_EQ(pid->statistics().filtered, 3u);
}

TEST_P(EventBusConformance, ABadFilterIsRefusedByName) {
  auto bus = Make();
  EXPECT_THAT(MessageOf(bus->Subscribe(Filtered("topics: 'events.*'")).status()),
              HasSubstr("filter.topics[0]"));
  EXPECT_THAT(MessageOf(bus->Subscribe(Filtered("sql: 'DROP TABLE x'")).status()),
              HasSubstr("filter.sql"));
  v1::EventFilter filter;
  filter.add_actions("STRAT");
  EXPECT_THAT(MessageOf(bus->Snapshot(filter).status()), HasSubstr("filter.actions[0]"));
  EXPECT_TRUE(bus->statistics().subscribers.empty());
}

TEST_P(EventBusConformance, SamplesAndOwnEventsReachOnlyWhoAsks) {
  auto bus = Make();
  auto plain = Read(*bus);
  auto samples = Read(*bus, Filtered("actions: 'SAMPLE'"));
  auto own = Read(*bus, Filtered("own: true"));
  event::Event spawned = StartOf(2);
  spawned.mutable_process()->set_own(true);
  bus->Publish(ListOf(ProcessWord(v1::PROCESS_ACTION_SAMPLE, 1)));
  bus->Publish(ListOf(spawned));
  bus->Publish(ListOf(StartOf(3)));
  EXPECT_THAT(SequencesOf(*plain->Poll({})), ElementsAre(3));
  EXPECT_THAT(SequencesOf(*samples->Poll({})), ElementsAre(1));
  EXPECT_THAT(SequencesOf(*own->Poll({})), ElementsAre(2, 3));
}

// Publishes until the ring no longer holds `sequence`.
inline void PublishPast(EventBus& bus, uint64_t sequence) {
  for (int i = 0; i < 100'000 && bus.statistics().oldest_sequence <= sequence; ++i) {
    bus.Publish(Starts(1000, 16));
  }
}

TEST_P(EventBusConformance, AReaderThatFallsOutOfTheRingIsToldExactlyWhatItMissed) {
  auto bus = Make({.ring_bytes = 32 << 10});
  auto reader = Read(*bus);
  bus->Publish(Starts(1, 10));
  EXPECT_EQ(reader->Poll({.max_events = 4})->event_count, 4u);
  PublishPast(*bus, 200);
  const BusStatistics before = bus->statistics();
  const auto delivery = reader->Poll({});
  ASSERT_TRUE(delivery->missed.has_value());
  EXPECT_EQ(delivery->missed->first_sequence, 5u);
  EXPECT_EQ(delivery->missed->last_sequence, before.oldest_sequence - 1);
  EXPECT_EQ(delivery->missed->count, before.oldest_sequence - 5);
  EXPECT_EQ(SequencesOf(*delivery).front(), before.oldest_sequence);
  EXPECT_FALSE(reader->Poll({})->missed.has_value());
  EXPECT_EQ(reader->statistics().dropped, before.oldest_sequence - 5);
  EXPECT_TRUE(AddsUp(reader->statistics(), bus->statistics().next_sequence));
}

TEST_P(EventBusConformance, TheMissedCountLeavesOutWhatTheFilterWould) {
  auto bus = Make({.ring_bytes = 32 << 10});
  auto stops = Read(*bus, Filtered("actions: 'STOP'"));
  auto by_pid = Read(*bus, Filtered("kinds: EVENT_KIND_PROCESS pids: 1"));
  auto losses = Read(*bus, Filtered("kinds: EVENT_KIND_LOSS"));
  auto plain = Read(*bus);
  event::EventList mixed;
  for (int i = 0; i < 7; ++i) mixed.push_back(ProcessWord(v1::PROCESS_ACTION_STOP, i));
  for (int i = 0; i < 5; ++i) mixed.push_back(ProcessWord(v1::PROCESS_ACTION_SAMPLE, i));
  bus->Publish(std::move(mixed));
  PublishPast(*bus, 12);
  const uint64_t last = bus->statistics().oldest_sequence - 1;
  EXPECT_EQ(stops->Poll({})->missed->count, 7u);
  EXPECT_EQ(plain->Poll({})->missed->count, last - 5);
  // What only the content could tell counts as lost.
  EXPECT_EQ(by_pid->Poll({})->missed->count, last - 5);
  // Nothing among them could have passed: nothing was lost.
  const auto nothing = losses->Poll({});
  EXPECT_FALSE(nothing->missed.has_value());
  EXPECT_EQ(losses->statistics().dropped, 0u);
  EXPECT_TRUE(AddsUp(losses->statistics(), bus->statistics().next_sequence));
}

TEST_P(EventBusConformance, AResumeOlderThanTheRingIsToldTheExactRange) {
  auto bus = Make({.ring_bytes = 32 << 10});
  PublishPast(*bus, 100);
  const uint64_t oldest = bus->statistics().oldest_sequence;
  SubscribeOptions from;
  from.from_sequence = 1;
  from.overflow = Overflow::kDisconnect;  // is about what happens later
  auto reader = Read(*bus, from);
  const auto delivery = reader->Poll({});
  ASSERT_TRUE(delivery.ok());
  ASSERT_TRUE(delivery->missed.has_value());
  EXPECT_EQ(delivery->missed->first_sequence, 1u);
  EXPECT_EQ(delivery->missed->last_sequence, oldest - 1);
  EXPECT_EQ(delivery->missed->count, oldest - 1);
  EXPECT_EQ(SequencesOf(*delivery).front(), oldest);
  from.from_sequence = 50;
  auto middle = Read(*bus, from);
  const auto gap = middle->Poll({})->missed;
  EXPECT_EQ(gap->first_sequence, 50u);
  EXPECT_EQ(gap->last_sequence, oldest - 1);
  EXPECT_EQ(gap->count, std::nullopt);  // no longer known
  EXPECT_TRUE(AddsUp(middle->statistics(), bus->statistics().next_sequence));
}

TEST_P(EventBusConformance, UnderDisconnectAReaderThatFallsBehindFails) {
  auto bus = Make({.ring_bytes = 32 << 10});
  SubscribeOptions options;
  options.overflow = Overflow::kDisconnect;
  auto reader = Read(*bus, options);
  PublishPast(*bus, 5);
  const uint64_t oldest = bus->statistics().oldest_sequence;
  const absl::Status status = reader->Poll({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(MessageOf(status), HasSubstr("positions 1 to " + std::to_string(oldest - 1)));
  EXPECT_EQ(reader->Poll({}).status(), status);
  EXPECT_FALSE(reader->Arm());
  EXPECT_TRUE(AddsUp(reader->statistics(), bus->statistics().next_sequence));
}

TEST_P(EventBusConformance, SubscribersAreBoundedAndALeaverMakesRoom) {
  auto bus = Make({.max_subscribers = 2});
  auto one = Read(*bus);
  auto two = Read(*bus);
  EXPECT_EQ(bus->Subscribe({}).status().code(), absl::StatusCode::kResourceExhausted);
  one.reset();
  EXPECT_TRUE(bus->Subscribe({}).ok());
}

TEST_P(EventBusConformance, ArmCallsOnceWhenThereIsSomethingToRead) {
  auto bus = Make();
  int calls = 0;
  SubscribeOptions options;
  options.on_ready = [&calls] { ++calls; };
  auto reader = Read(*bus, options);
  EXPECT_TRUE(reader->Arm());
  EXPECT_TRUE(reader->Arm());
  bus->Publish(Starts(1, 1));
  bus->Publish(Starts(2, 1));
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(reader->Arm());
  EXPECT_EQ(reader->Poll({})->event_count, 2u);
  EXPECT_TRUE(reader->Arm());
  bus->Publish(Starts(3, 1));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(reader->Poll({})->event_count, 1u);
  EXPECT_TRUE(reader->Arm());
  reader.reset();
  bus->Publish(Starts(4, 1));
  EXPECT_EQ(calls, 2);
}

TEST_P(EventBusConformance, ArmForManyCallsWhenSoManyCanBeRead) {
  auto bus = Make();
  int calls = 0;
  SubscribeOptions options;
  options.on_ready = [&calls] { ++calls; };
  auto reader = Read(*bus, options);
  EXPECT_TRUE(reader->ArmFor(3));
  bus->Publish(Starts(1, 2));
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(reader->ArmFor(3));
  bus->Publish(Starts(3, 2));
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(reader->ArmFor(3));
  EXPECT_TRUE(reader->ArmFor(5));
  EXPECT_FALSE(reader->Arm());
  EXPECT_EQ(reader->Poll({})->event_count, 4u);
  // What was asked for last counts.
  EXPECT_TRUE(reader->ArmFor(100));
  EXPECT_TRUE(reader->Arm());
  bus->Publish(Starts(5, 1));
  EXPECT_EQ(calls, 2);
}

TEST_P(EventBusConformance, NextWaitsForAnEventAndGivesUpAtItsDeadline) {
  auto bus = Make();
  auto reader = Read(*bus, Filtered("pids: 2"));
  const auto past = base::Clock::Real().MonotonicNow();
  EXPECT_EQ(reader->Next({}, past)->event_count, 0u);
  base::Thread publisher("publisher", [&bus](std::stop_token) {
    bus->Publish(Starts(1, 1));
    bus->Publish(Starts(2, 1));
  });
  const auto deadline = base::Clock::Real().MonotonicNow() + absl::Seconds(30);
  EXPECT_THAT(SequencesOf(*reader->Next({}, deadline)), ElementsAre(2));
}

TEST_P(EventBusConformance, TheSnapshotIsTheLastWordOnEachLivingSubject) {
  auto bus = Make();
  bus->Publish(ListOf(ProcessWord(v1::PROCESS_ACTION_SNAPSHOT, 1)));
  bus->Publish(Starts(2, 3));
  bus->Publish(ListOf(ProcessWord(v1::PROCESS_ACTION_STOP, 3)));
  event::Event changed = ProcessWord(v1::PROCESS_ACTION_MODIFIED, 4);
  changed.mutable_process()->set_name("changed");
  changed.mutable_process()->add_modified_fields("name");
  changed.mutable_process()->mutable_suspicion()->set_rule("odd");
  bus->Publish(ListOf(changed));
  const auto snapshot = bus->Snapshot({});
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->as_of_sequence, 5u);
  std::map<uint32_t, event::Event> by_pid;
  for (const std::string& bytes : snapshot->events) {
    event::Event event;
    ASSERT_TRUE(event.ParseFromString(bytes));
    EXPECT_EQ(event.process().action(), v1::PROCESS_ACTION_SNAPSHOT);
    EXPECT_EQ(event.sequence(), 0u);
    EXPECT_EQ(event.origin().sequence(), 0u);
    EXPECT_EQ(event.origin().stream_id(), bus->stream_id());
    by_pid[event.process().pid()] = event;
  }
  ASSERT_EQ(by_pid.size(), 3u);
  EXPECT_EQ(by_pid.count(3), 0u);
  EXPECT_EQ(by_pid[4].process().name(), "changed");
  EXPECT_EQ(by_pid[4].process().modified_fields_size(), 0);
  EXPECT_FALSE(by_pid[4].process().has_suspicion());
  v1::EventFilter filter;
  filter.add_pids(2);
  filter.mutable_sequence_range()->set_first(99);  // a snapshot has no positions
  EXPECT_EQ(bus->Snapshot(filter)->events.size(), 1u);
  filter.set_sql("pid = 4");
  EXPECT_EQ(bus->Snapshot(filter)->events.size(), 0u);
}

TEST_P(EventBusConformance, DropStateForgetsOnePublisher) {
  auto bus = Make();
  bus->PublishFramed(Framed(Starts(1, 2), 1, "one"));
  bus->PublishFramed(Framed(Starts(1, 2), 1, "two"));
  EXPECT_EQ(bus->statistics().state_entries, 4u);
  bus->DropState("one");
  bus->DropState("unknown");
  EXPECT_EQ(bus->statistics().state_entries, 2u);
  bus->PublishFramed(Framed(Starts(7, 1), 1, "one"));  // begins anew
  EXPECT_EQ(bus->Snapshot({})->events.size(), 3u);
}

TEST_P(EventBusConformance, OneReaderThatNeverReadsCostsTheOthersNothing) {
  auto bus = Make({.ring_bytes = 64 << 10});
  std::vector<std::unique_ptr<Subscription>> readers;
  for (int i = 0; i < 10; ++i) readers.push_back(Read(*bus));
  std::vector<uint64_t> next(10, 1);
  for (int round = 0; round < 400; ++round) {
    bus->Publish(Starts(1, 8));
    for (int i = 0; i < 9; ++i) {
      const auto delivery = readers[i]->Poll({});
      ASSERT_FALSE(delivery->missed.has_value());
      for (const uint64_t sequence : SequencesOf(*delivery)) ASSERT_EQ(sequence, next[i]++);
    }
    ASSERT_LE(bus->statistics().ring_bytes, 64u << 10);
  }
  const BusStatistics statistics = bus->statistics();
  for (int i = 0; i < 9; ++i) EXPECT_EQ(statistics.subscribers[i].delivered, 3200u);
  const auto missed = readers[9]->Poll({})->missed;
  EXPECT_EQ(missed->first_sequence, 1u);
  EXPECT_EQ(missed->last_sequence, statistics.oldest_sequence - 1);
  EXPECT_EQ(missed->count, statistics.oldest_sequence - 1);
}

}  // namespace daemoneye::event_bus
