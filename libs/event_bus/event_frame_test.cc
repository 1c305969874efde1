#include "libs/event_bus/event_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "libs/event/random_event.h"

namespace daemoneye::event_bus {
namespace {

std::string Frame(const std::string& event) {
  std::string frame(FrameHeadBytes(event.size()), '\0');
  EXPECT_EQ(WriteFrameHead(event.size(), frame.data()), frame.data() + frame.size());
  return frame + event;
}

TEST(EventFrameTest, FramesSplitIntoWhatWasFramed) {
  std::string frames;
  std::vector<uint32_t> offsets;
  std::vector<std::string> events;
  for (const size_t size : {0, 1, 127, 128, 16'383, 16'384, 70'000}) {
    events.push_back(std::string(size, 'x'));
    offsets.push_back(static_cast<uint32_t>(frames.size()));
    frames += Frame(events.back());
  }
  std::vector<std::string_view> split;
  ASSERT_TRUE(SplitFrames(frames, offsets, split));
  EXPECT_THAT(split, testing::ElementsAreArray(events));
}

TEST(EventFrameTest, FramesThatAreNotWellFormedAreRefused) {
  const std::string good = Frame("abc") + Frame("defg");
  const std::pair<std::string, std::vector<uint32_t>> kCases[] = {
      {good, {0}},         // bytes left over
      {good, {0, 4}},      // not where the frame begins
      {good, {0, 5, 11}},  // one too many
      {good.substr(0, 8), {0, 5}},
      {"\x12" + good.substr(1), {0, 5}},
      {"\x0A", {0}},
      {std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11), {0}},
      {std::string(12, '\xFF'), {0}},
  };
  std::vector<std::string_view> split;
  EXPECT_TRUE(SplitFrames(good, {0, 5}, split));
  for (const auto& [frames, offsets] : kCases) EXPECT_FALSE(SplitFrames(frames, offsets, split));
}

TEST(EventFrameTest, APatchedSequenceIsWhatEveryReaderSees) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 500; ++i) {
    event::Event event = event::RandomEvent(random);
    event.set_sequence(1 + random() % 1000);
    std::string bytes = event.SerializeAsString();
    ASSERT_TRUE(IsSequencePatchable(bytes));
    PatchSequence(bytes.data(), 123'456'789'012);
    event.set_sequence(123'456'789'012);
    ASSERT_EQ(bytes, event.SerializeAsString());
    event.clear_sequence();
    ASSERT_FALSE(IsSequencePatchable(event.SerializeAsString()));
  }
}

TEST(EventFrameTest, WhatCouldHideAnotherSequenceIsNotPatchable) {
  const std::string sequence("\x09\x01\0\0\0\0\0\0\0", 9);
  EXPECT_TRUE(IsSequencePatchable(sequence));
  EXPECT_TRUE(IsSequencePatchable(sequence + "\x2A\x01x"));
  const std::string kBad[] = {
      "",
      sequence.substr(0, 8),
      sequence + sequence,
      sequence + "\x2A\x01x" + sequence,
      sequence + std::string("\x89\x00\x01\0\0\0\0\0\0\0", 10),  // its tag in two bytes
      sequence + "\x08\x05",                                     // field 1 as a varint
      sequence + "\x2A\x05x",                                    // cut short
      sequence + "\x53\x54",                                     // a group
      sequence + "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
      "\x2A\x01x" + sequence,
  };
  for (const std::string& bytes : kBad) EXPECT_FALSE(IsSequencePatchable(bytes));
}

}  // namespace
}  // namespace daemoneye::event_bus
