// What every EventStore must do. A store's test instantiates it:
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, EventStoreConformance, SqliteStoreFixture);
//
// The fixture makes the store: `EventStore& store()`, and `void Reopen()` closes and opens it
// again.
#pragma once

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/storage/event_store.h"

namespace daemoneye::storage {

// Event `sequence` of publisher `stream`, of an hour after 1970-01-01 plus as many seconds.
inline v1::CollectionEvent MakeStoredEvent(const std::string& stream, uint64_t sequence,
                                           v1::ProcessAction action = v1::PROCESS_ACTION_START) {
  v1::CollectionEvent event;
  event.set_sequence(sequence);
  event.mutable_origin()->set_monitor("procmond");
  event.mutable_origin()->set_host("host-" + stream);
  event.mutable_origin()->set_stream_id(stream);
  event.mutable_origin()->set_sequence(sequence);
  event.mutable_event_time()->set_seconds(3600 + static_cast<int64_t>(sequence));
  event.mutable_process()->set_action(action);
  event.mutable_process()->set_pid(static_cast<uint32_t>(sequence));
  event.mutable_process()->set_name("name-" + std::to_string(sequence));
  return event;
}

// Appends `events` as positions `first`, first + 1, ... of `log`.
inline absl::StatusOr<AppendResult> AppendTo(EventStore& store, const std::string& log,
                                             uint64_t first,
                                             const std::vector<v1::CollectionEvent>& events,
                                             std::span<const LogMark> marks = {}) {
  std::vector<std::string> bytes;
  for (const auto& event : events) bytes.push_back(event.SerializeAsString());
  std::vector<EventToStore> to_store;
  for (size_t i = 0; i < events.size(); ++i) {
    to_store.push_back({.sequence = first + i, .event = &events[i], .bytes = bytes[i]});
  }
  return store.Append({.log_stream_id = log, .events = to_store, .marks = marks});
}

inline std::vector<v1::CollectionEvent> MakeStoredEvents(const std::string& stream, uint64_t first,
                                                         uint64_t count) {
  std::vector<v1::CollectionEvent> events;
  for (uint64_t i = 0; i < count; ++i) events.push_back(MakeStoredEvent(stream, first + i));
  return events;
}

// Sequences (of the origin) of all events that a read with `options` yields, three at a time.
inline std::vector<uint64_t> ReadSequences(EventStore& store, const ReadOptions& options = {}) {
  std::vector<uint64_t> sequences;
  auto reader = store.Read(options);
  EXPECT_TRUE(reader.ok()) << reader.status();
  while (reader.ok()) {
    auto events = (*reader)->Read(3);
    EXPECT_TRUE(events.ok()) << events.status();
    if (!events.ok() || events->empty()) break;
    for (const auto& event : *events) sequences.push_back(event.origin().sequence());
  }
  return sequences;
}

template <typename Fixture>
class EventStoreConformance : public ::testing::Test {
 protected:
  EventStore& store() { return fixture_.store(); }
  void Append(const std::string& log, uint64_t first,
              const std::vector<v1::CollectionEvent>& events) {
    const auto result = AppendTo(store(), log, first, events);
    ASSERT_TRUE(result.ok()) << result.status();
  }

  Fixture fixture_;
};

TYPED_TEST_SUITE_P(EventStoreConformance);
// Other tests take only the events from here.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EventStoreConformance);

TYPED_TEST_P(EventStoreConformance, StoresAnEventOnceWhateverWayItComes) {
  this->Append("log", 1, MakeStoredEvents("a", 1, 5));
  const auto again = AppendTo(this->store(), "other-log", 1, MakeStoredEvents("a", 4, 4));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->inserted, 2u);
  EXPECT_THAT(ReadSequences(this->store()), ::testing::ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(this->store().statistics().inserted, 7u);
  EXPECT_EQ(this->store().statistics().duplicates, 2u);
}

TYPED_TEST_P(EventStoreConformance, TellsPublishersWithTheSameSequencesApart) {
  this->Append("log", 1, {MakeStoredEvent("a", 1), MakeStoredEvent("b", 1)});
  EXPECT_THAT(ReadSequences(this->store()), ::testing::ElementsAre(1, 1));
}

TYPED_TEST_P(EventStoreConformance, KeepsEverythingOverARestart) {
  this->Append("log", 1, MakeStoredEvents("a", 1, 3));
  this->fixture_.Reopen();
  const auto again = AppendTo(this->store(), "log-2", 1, MakeStoredEvents("a", 3, 2));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->inserted, 1u);
  EXPECT_THAT(ReadSequences(this->store()), ::testing::ElementsAre(1, 2, 3, 4));
}

TYPED_TEST_P(EventStoreConformance, RefusesEventsThatHaveNoPlaceAndStoresNothingOfTheirBatch) {
  v1::CollectionEvent nameless = MakeStoredEvent("", 2);
  const auto result = AppendTo(this->store(), "log", 1, {MakeStoredEvent("a", 1), nameless});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(ReadSequences(this->store()), ::testing::IsEmpty());
  this->Append("log", 1, {MakeStoredEvent("a", 1)});
  EXPECT_THAT(ReadSequences(this->store()), ::testing::ElementsAre(1));
}

TYPED_TEST_P(EventStoreConformance, ReadsATimeRangeInTheOrderOfStoring) {
  std::vector<v1::CollectionEvent> events = MakeStoredEvents("a", 1, 10);
  std::swap(events[2], events[6]);
  this->Append("log", 1, events);
  const ReadOptions range{.since = absl::FromUnixSeconds(3600 + 3),
                          .until = absl::FromUnixSeconds(3600 + 8)};
  EXPECT_THAT(ReadSequences(this->store(), range), ::testing::ElementsAre(7, 4, 5, 6, 3));
}

TYPED_TEST_P(EventStoreConformance, ReadsOneKind) {
  v1::CollectionEvent loss = MakeStoredEvent("a", 2);
  loss.mutable_loss()->set_stage("link");
  this->Append("log", 1, {MakeStoredEvent("a", 1), loss, MakeStoredEvent("a", 3)});
  EXPECT_THAT(ReadSequences(this->store(), {.kind = v1::EVENT_KIND_LOSS}),
              ::testing::ElementsAre(2));
}

TYPED_TEST_P(EventStoreConformance, ReadsWhatWasThereWhenTheReaderWasMade) {
  this->Append("log", 1, MakeStoredEvents("a", 1, 2));
  auto reader = this->store().Read({});
  ASSERT_TRUE(reader.ok()) << reader.status();
  this->Append("log", 3, MakeStoredEvents("a", 3, 2));
  EXPECT_EQ((*reader)->Read(100)->size(), 2u);
  EXPECT_TRUE((*reader)->Read(100)->empty());
}

TYPED_TEST_P(EventStoreConformance, AnswersForPositionsOfALog) {
  this->Append("old", 1, MakeStoredEvents("a", 100, 3));
  this->Append("log", 1, MakeStoredEvents("a", 200, 6));
  const auto page = this->store().ReadLog("log", 2, 3, 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->positions.size(), 3u);
  EXPECT_EQ(page->positions[0].sequence, 3u);
  v1::CollectionEvent event;
  ASSERT_TRUE(event.ParseFromString(page->positions[0].bytes));
  EXPECT_EQ(event.origin().sequence(), 202u);
  EXPECT_EQ(this->store().ReadLog("log", 2, 100, 1)->positions.size(), 1u);
  EXPECT_TRUE(this->store().ReadLog("log", 6, 100, 1 << 20)->positions.empty());
  EXPECT_TRUE(this->store().ReadLog("unknown", 0, 100, 1 << 20)->positions.empty());
  EXPECT_EQ(this->store().HeldRange("log")->first, 1u);
  EXPECT_EQ(this->store().HeldRange("log")->last, 6u);
  EXPECT_GT(this->store().HeldRange("unknown")->first, this->store().HeldRange("unknown")->last);
}

TYPED_TEST_P(EventStoreConformance, FindsAnEventByItsOrigin) {
  this->Append("log", 1, MakeStoredEvents("a", 1, 3));
  const auto found = this->store().Find(MakeStoredEvent("a", 2).origin());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->process().name(), "name-2");
  EXPECT_EQ(this->store().Find(MakeStoredEvent("b", 2).origin()).status().code(),
            absl::StatusCode::kNotFound);
}

TYPED_TEST_P(EventStoreConformance, KnowsHowFarALogWasTaken) {
  EXPECT_EQ(*this->store().LastPosition("a"), 0u);
  this->Append("log", 1, MakeStoredEvents("a", 5, 3));
  EXPECT_EQ(*this->store().LastPosition("a"), 7u);
  const std::vector<LogMark> marks{{.stream_id = "a", .sequence = 9},
                                   {.stream_id = "gateway", .sequence = 4}};
  ASSERT_TRUE(AppendTo(this->store(), "log", 4, MakeStoredEvents("a", 8, 1), marks).ok());
  const std::vector<LogMark> older{{.stream_id = "a", .sequence = 2}};
  ASSERT_TRUE(AppendTo(this->store(), "log", 5, {}, older).ok());
  this->fixture_.Reopen();
  EXPECT_EQ(*this->store().LastPosition("a"), 9u);
  EXPECT_EQ(*this->store().LastPosition("gateway"), 4u);
}

TYPED_TEST_P(EventStoreConformance, PrunesByAgeAndSamplesSooner) {
  std::vector<v1::CollectionEvent> events = MakeStoredEvents("a", 1, 6);
  events[3] = MakeStoredEvent("a", 4, v1::PROCESS_ACTION_SAMPLE);
  events[5] = MakeStoredEvent("a", 6, v1::PROCESS_ACTION_SAMPLE);
  this->Append("log", 1, events);
  const RetentionPolicy policy{.max_age = absl::Seconds(10), .max_sample_age = absl::Seconds(7)};
  const absl::Time now = absl::FromUnixSeconds(3600 + 12);
  const auto pruned = this->store().Prune(policy, now, 100);
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ(pruned->expired, 2u);
  EXPECT_THAT(ReadSequences(this->store()), ::testing::ElementsAre(2, 3, 5, 6));
  EXPECT_EQ(this->store().Prune(policy, now, 100)->expired, 0u);
}

TYPED_TEST_P(EventStoreConformance, PrunesTheOldestWhenItIsTooLarge) {
  std::vector<v1::CollectionEvent> events = MakeStoredEvents("a", 1, 200);
  for (auto& event : events) event.mutable_process()->set_working_directory(std::string(4000, 'x'));
  this->Append("log", 1, events);
  const uint64_t bytes = this->store().statistics().bytes;
  const RetentionPolicy policy{
      .max_age = absl::Hours(1e6), .max_sample_age = absl::Hours(1e6), .max_bytes = bytes / 2};
  for (int i = 0; i < 100; ++i) {
    const auto pruned = this->store().Prune(policy, absl::FromUnixSeconds(8000), 10);
    ASSERT_TRUE(pruned.ok()) << pruned.status();
    if (pruned->evicted == 0) break;
  }
  EXPECT_LE(this->store().statistics().bytes, bytes / 2);
  const std::vector<uint64_t> left = ReadSequences(this->store());
  ASSERT_GT(left.size(), 50u);
  EXPECT_EQ(left.back(), 200u);
  EXPECT_EQ(left.front(), 200u - left.size() + 1);
}

REGISTER_TYPED_TEST_SUITE_P(EventStoreConformance, StoresAnEventOnceWhateverWayItComes,
                            TellsPublishersWithTheSameSequencesApart, KeepsEverythingOverARestart,
                            RefusesEventsThatHaveNoPlaceAndStoresNothingOfTheirBatch,
                            ReadsATimeRangeInTheOrderOfStoring, ReadsOneKind,
                            ReadsWhatWasThereWhenTheReaderWasMade, AnswersForPositionsOfALog,
                            FindsAnEventByItsOrigin, KnowsHowFarALogWasTaken,
                            PrunesByAgeAndSamplesSooner, PrunesTheOldestWhenItIsTooLarge);

}  // namespace daemoneye::storage
