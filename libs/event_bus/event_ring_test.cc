#include "libs/event_bus/event_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace daemoneye::event_bus {
namespace {

std::shared_ptr<const EventBatch> Batch(const EventRing& ring, uint64_t first,
                                        const std::vector<uint8_t>& actions) {
  std::vector<uint32_t> offsets;
  std::vector<EventTraits> traits;
  std::string frames;
  for (const uint8_t action : actions) {
    offsets.push_back(static_cast<uint32_t>(frames.size()));
    traits.push_back({.kind = 1, .action = action});
    frames += std::string("\x0A\x09\x09\0\0\0\0\0\0\0\0", 11);
  }
  return std::make_shared<EventBatch>(first, std::move(frames), std::move(offsets),
                                      std::move(traits), std::make_shared<event::EventList>(),
                                      ring.forms());
}

TEST(EventRingTest, FindsAndCountsFromEverySide) {
  std::mt19937 random(5);
  EventRing ring({.max_bytes = 20'000});
  std::vector<uint8_t> published;
  EventRing::Remains remains;
  for (int i = 0; i < 300; ++i) {
    std::vector<uint8_t> actions(1 + random() % 9);
    for (uint8_t& action : actions) action = random() % 12;
    ring.Append(Batch(ring, published.size() + 1, actions), remains);
    published.insert(published.end(), actions.begin(), actions.end());
  }
  ASSERT_GT(ring.oldest_sequence(), 100u);
  ASSERT_GT(ring.events(), 50u);
  EXPECT_LE(ring.bytes(), 20'000u);
  ClassCounts counts{};
  for (uint64_t sequence = 1; sequence <= ring.next_sequence(); ++sequence) {
    if (sequence >= ring.oldest_sequence()) {
      ASSERT_EQ(ring.CountBefore(sequence), counts) << sequence;
      const uint64_t id = ring.FindBatch(sequence);
      if (sequence == ring.next_sequence()) {
        ASSERT_EQ(id, ring.end_batch_id());
        break;
      }
      ASSERT_LE(ring.batch(id)->first_sequence(), sequence);
      ASSERT_GE(ring.batch(id)->last_sequence(), sequence);
    }
    ++counts[ClassOf({.kind = 1, .action = published[sequence - 1]})];
  }
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), uint64_t{0}), published.size());
}

TEST(EventRingTest, AnEmptyRingBeginsAtOne) {
  EventRing ring({});
  EXPECT_EQ(ring.oldest_sequence(), 1u);
  EXPECT_EQ(ring.next_sequence(), 1u);
  EXPECT_EQ(ring.FindBatch(1), 0u);
  EXPECT_EQ(ring.CountBefore(1), ClassCounts{});
}

TEST(EventRingTest, OnlyTheYoungKeepTheirParsedForm) {
  EventRing ring({.young_bytes = 25});  // two events of eleven bytes
  EventRing::Remains remains;
  for (uint64_t i = 1; i <= 5; ++i) {
    ++ring.forms()->times_asked;
    ring.Append(Batch(ring, i, {2}), remains);
  }
  EXPECT_EQ(remains.parsed.size(), 3u);
  EXPECT_EQ(ring.batch(0)->ReleaseParsed(), nullptr);
  EXPECT_NE(ring.batch(3)->ReleaseParsed(), nullptr);
}

TEST(EventRingTest, NoneKeepsAParsedFormThatNobodyReads) {
  EventRing ring({.young_bytes = 1 << 20});
  EventRing::Remains remains;
  uint64_t next = 1;
  const auto append = [&] { ring.Append(Batch(ring, next++, {2}), remains); };
  append();
  EXPECT_EQ(remains.parsed.size(), 1u);
  // Somebody reads: from the next on they are kept, until nobody has read for long.
  EXPECT_NE(ring.batch(0)->parsed(), nullptr);
  for (uint64_t i = 0; i < EventRing::kUnaskedBatches; ++i) append();
  EXPECT_EQ(remains.parsed.size(), 1u);
  EXPECT_NE(ring.batch(1)->ReleaseParsed(), nullptr);
  append();
  EXPECT_EQ(remains.parsed.size(), next - 1);
}

TEST(EventRingTest, EvenAYoungBatchMayFallOut) {
  EventRing ring({.max_events = 2, .young_bytes = 1 << 20});
  EventRing::Remains remains;
  for (uint64_t i = 1; i <= 9; ++i) ring.Append(Batch(ring, i, {2}), remains);
  EXPECT_EQ(remains.batches.size(), 7u);
  EXPECT_EQ(ring.events(), 2u);
  EXPECT_EQ(ring.evicted()[ClassOf({.kind = 1, .action = 2})], 7u);
}

}  // namespace
}  // namespace daemoneye::event_bus
