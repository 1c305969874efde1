#include "libs/event_bus/live_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "libs/event_bus/bus_test_support.h"

namespace daemoneye::event_bus {
namespace {

constexpr size_t kPlenty = 1 << 20;

struct Word {
  v1::ProcessAction action = v1::PROCESS_ACTION_START;
  uint32_t pid = 1;
  uint64_t sequence = 0;  // of the origin
  int64_t seconds = 0;    // observed_time
  std::string name;
  std::string stream_id = "stream";
  bool first_image = false;
};

void Apply(LiveState& state, const Word& word) {
  event::Event event = ProcessWord(word.action, word.pid);
  event.mutable_origin()->set_stream_id(word.stream_id);
  event.mutable_origin()->set_sequence(word.sequence);
  event.mutable_observed_time()->set_seconds(word.seconds);
  event.mutable_process()->set_name(word.name);
  event.mutable_process()->set_first_image(word.first_image);
  state.Apply(event, event.SerializeAsString());
}

// Names of the living, and "!" behind those whose first image still runs.
std::multiset<std::string> Names(LiveState& state) {
  std::multiset<std::string> names;
  for (const LiveState::Item& item : state.Items()) {
    event::Event event;
    EXPECT_TRUE(event.ParseFromString(*item.bytes));
    names.insert(event.process().name() + (item.is_first_image ? "!" : ""));
  }
  return names;
}

using Living = std::multiset<std::string>;

TEST(LiveStateTest, KeepsTheLastWordUntilTheEnd) {
  LiveState state(kPlenty);
  Apply(state, {.sequence = 1, .name = "a"});
  Apply(state, {.pid = 2, .sequence = 2, .name = "b"});
  Apply(state, {.action = v1::PROCESS_ACTION_SAMPLE, .sequence = 3, .name = "a2"});
  EXPECT_EQ(Names(state), (Living{"a2", "b"}));
  Apply(state, {.action = v1::PROCESS_ACTION_STOP, .sequence = 4});
  EXPECT_EQ(Names(state), Living{"b"});
  EXPECT_EQ(state.entries(), 1u);
}

TEST(LiveStateTest, EventsWithoutASubjectAreNoState) {
  LiveState state(kPlenty);
  event::Event event;
  event.mutable_origin()->set_stream_id("s");
  for (const auto kind : {0, 1, 2}) {
    if (kind == 1) event.mutable_filesystem()->set_path("/x");
    if (kind == 2) event.mutable_process()->set_action(v1::PROCESS_ACTION_START);  // no key
    state.Apply(event, event.SerializeAsString());
  }
  EXPECT_EQ(state.entries(), 0u);
}

TEST(LiveStateTest, AReplayChangesNothing) {
  LiveState state(kPlenty);
  Apply(state, {.sequence = 1, .name = "old"});
  Apply(state, {.action = v1::PROCESS_ACTION_MODIFIED, .sequence = 5, .name = "new"});
  Apply(state, {.pid = 2, .sequence = 6, .name = "gone"});
  Apply(state, {.action = v1::PROCESS_ACTION_STOP, .pid = 2, .sequence = 7});
  Apply(state, {.sequence = 1, .name = "old"});
  Apply(state, {.pid = 2, .sequence = 6, .name = "gone"});
  Apply(state, {.action = v1::PROCESS_ACTION_STOP, .sequence = 4});
  EXPECT_EQ(Names(state), Living{"new"});
  // Another stream numbers for itself.
  Apply(state, {.sequence = 1, .name = "other", .stream_id = "other"});
  EXPECT_EQ(Names(state), (Living{"new", "other"}));
}

TEST(LiveStateTest, ASlowerSourceDoesNotOverwriteOrResurrect) {
  LiveState state(kPlenty);
  Apply(state, {.sequence = 1, .seconds = 100, .name = "exec"});
  Apply(state, {.sequence = 2, .seconds = 98, .name = "scan"});
  EXPECT_EQ(Names(state), Living{"exec"});
  Apply(state, {.action = v1::PROCESS_ACTION_STOP, .sequence = 3, .seconds = 101});
  Apply(state, {.sequence = 4, .seconds = 99, .name = "scan"});
  EXPECT_EQ(Names(state), Living{});
  // The end came before the beginning was read.
  Apply(state, {.action = v1::PROCESS_ACTION_STOP, .pid = 9, .sequence = 5, .seconds = 103});
  Apply(state, {.pid = 9, .sequence = 6, .seconds = 102, .name = "late"});
  EXPECT_EQ(Names(state), Living{});
  // A stop that was wrong heals.
  Apply(state, {.pid = 9, .sequence = 7, .seconds = 110, .name = "alive"});
  EXPECT_EQ(Names(state), Living{"alive"});
}

TEST(LiveStateTest, AClockThatIsSetBackDoesNotFreezeTheState) {
  LiveState state(kPlenty);
  Apply(state, {.sequence = 1, .seconds = 100'000, .name = "before"});
  Apply(state,
        {.action = v1::PROCESS_ACTION_MODIFIED, .sequence = 2, .seconds = 50'000, .name = "after"});
  EXPECT_EQ(Names(state), Living{"after"});
}

TEST(LiveStateTest, ASnapshotFillsInButIsNoNewsAboutWhatIsKnownBetter) {
  LiveState state(kPlenty);
  Apply(state, {.action = v1::PROCESS_ACTION_SNAPSHOT, .seconds = 10, .name = "a"});
  Apply(state, {.pid = 2, .sequence = 9, .seconds = 20, .name = "b"});
  Apply(state, {.action = v1::PROCESS_ACTION_SNAPSHOT, .pid = 2, .seconds = 15, .name = "b-old"});
  EXPECT_EQ(Names(state), (Living{"a", "b"}));
  Apply(state, {.action = v1::PROCESS_ACTION_SNAPSHOT, .pid = 2, .seconds = 25, .name = "b-new"});
  EXPECT_EQ(Names(state), (Living{"a", "b-new"}));
}

TEST(LiveStateTest, FirstImageIsOfWhatRanBeforeAndHasNotExecutedSince) {
  LiveState state(kPlenty);
  Apply(state,
        {.action = v1::PROCESS_ACTION_SNAPSHOT, .pid = 1, .name = "before", .first_image = true});
  Apply(state, {.pid = 2, .sequence = 1, .name = "started", .first_image = true});
  EXPECT_EQ(Names(state), (Living{"before!", "started"}));
  Apply(state, {.action = v1::PROCESS_ACTION_SAMPLE, .pid = 1, .sequence = 2, .name = "before"});
  EXPECT_EQ(Names(state), (Living{"before!", "started"}));
  Apply(state, {.action = v1::PROCESS_ACTION_EXEC,
                .pid = 1,
                .sequence = 3,
                .name = "executed",
                .first_image = true});
  EXPECT_EQ(Names(state), (Living{"executed", "started"}));
}

TEST(LiveStateTest, BeyondItsBytesTheLongestSilentIsForgottenAndCounted) {
  LiveState state(20'000);
  for (uint32_t pid = 1; pid <= 500; ++pid) {
    Apply(state, {.pid = pid, .sequence = 2 * pid, .name = std::to_string(pid)});
    Apply(
        state,
        {.action = v1::PROCESS_ACTION_SAMPLE, .pid = 1, .sequence = 2 * pid + 1, .name = "talker"});
    ASSERT_LE(state.bytes(), 20'000u);
  }
  EXPECT_EQ(state.entries() + state.evicted(), 500u);
  EXPECT_GT(state.entries(), 10u);
  const Living names = Names(state);
  EXPECT_TRUE(names.contains("talker"));
  EXPECT_TRUE(names.contains("500"));
  EXPECT_FALSE(names.contains("2"));
}

TEST(LiveStateTest, BytesComeBackWhenSubjectsEnd) {
  LiveState state(kPlenty);
  for (uint64_t i = 1; i <= 300; ++i) {
    Apply(state, {.pid = static_cast<uint32_t>(i), .sequence = i, .name = std::string(i, 'x')});
  }
  state.Drop("stream");
  EXPECT_EQ(state.entries(), 0u);
  EXPECT_EQ(state.bytes(), 0u);
  for (uint64_t i = 1; i <= 300; ++i) {
    Apply(state, {.pid = static_cast<uint32_t>(i), .sequence = 2 * i});
    Apply(state, {.action = v1::PROCESS_ACTION_STOP,
                  .pid = static_cast<uint32_t>(i),
                  .sequence = 2 * i + 1});
  }
  EXPECT_EQ(state.bytes(), 0u);
}

// Names of what ended, "!" for an end of which nothing else is known.
std::vector<std::string> Ended(const LiveState& state) {
  std::vector<std::string> names;
  for (const EndedSubject& subject : state.Ended()) {
    event::Event event, end;
    EXPECT_TRUE(end.ParseFromString(*subject.end));
    EXPECT_EQ(end.process().action(), v1::PROCESS_ACTION_STOP);
    if (subject.last_word != nullptr) {
      EXPECT_TRUE(event.ParseFromString(*subject.last_word));
    }
    names.push_back(subject.last_word == nullptr ? "!" : event.process().name());
  }
  return names;
}

TEST(LiveStateTest, WhatEndedIsKeptForAMinuteWhereThereIsRoom) {
  constexpr auto kStop = v1::PROCESS_ACTION_STOP;
  LiveState without(kPlenty);
  LiveState state(kPlenty, 4096);
  for (LiveState* one : {&without, &state}) {
    Apply(*one, {.pid = 1, .sequence = 1, .name = "a"});
    Apply(*one, {.action = kStop, .pid = 1, .sequence = 2, .seconds = 100});
    Apply(*one, {.action = kStop, .pid = 9, .sequence = 3, .seconds = 110});
  }
  EXPECT_THAT(Ended(without), testing::IsEmpty());
  EXPECT_THAT(Ended(state), testing::ElementsAre("a", "!"));
  Apply(state, {.action = kStop, .pid = 8, .sequence = 4, .seconds = 161});
  EXPECT_THAT(Ended(state), testing::ElementsAre("!", "!")) << "the first ended 61 s before";
  for (uint32_t pid = 10; pid < 1000; ++pid) {
    Apply(state, {.pid = pid, .sequence = 10 * pid, .name = std::to_string(pid)});
    Apply(state, {.action = kStop, .pid = pid, .sequence = 10 * pid + 1, .seconds = 162});
  }
  EXPECT_LT(Ended(state).size(), 100u);
  EXPECT_EQ(Ended(state).back(), "999");
  Apply(state, {.pid = 5, .sequence = 20'000, .name = std::string(8192, 'x')});
  Apply(state, {.action = kStop, .pid = 5, .sequence = 20'001, .seconds = 163});
  EXPECT_THAT(Ended(state), testing::IsEmpty()) << "too large to be kept";
}

TEST(LiveStateTest, StreamsAreBounded) {
  LiveState state(kPlenty * 16);
  for (size_t i = 0; i < LiveState::kMaxStreams + 10; ++i) {
    Apply(state, {.sequence = 1, .stream_id = std::to_string(i)});
  }
  EXPECT_EQ(state.entries(), LiveState::kMaxStreams);
  EXPECT_EQ(state.evicted(), 10u);
  state.Drop("0");
  Apply(state, {.sequence = 1, .stream_id = "another"});
  EXPECT_EQ(state.entries(), LiveState::kMaxStreams);
}

TEST(LiveStateTest, WhatWasHandedOutDoesNotChange) {
  LiveState state(kPlenty);
  Apply(state, {.sequence = 1, .name = "one"});
  const std::vector<LiveState::Item> items = state.Items();
  const std::string before = *items[0].bytes;
  Apply(state, {.action = v1::PROCESS_ACTION_SAMPLE, .sequence = 2, .name = "two"});
  EXPECT_EQ(*items[0].bytes, before);
  EXPECT_EQ(Names(state), Living{"two"});
}

}  // namespace
}  // namespace daemoneye::event_bus
