#include "libs/event/event_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "libs/base/text.h"

namespace daemoneye::event {
namespace {

std::string Text(Event& event, std::string_view bytes, size_t max_bytes = kMaxTextBytes) {
  std::string field = "old";
  SetText(event, bytes, &field, max_bytes);
  return field;
}

TEST(SetTextTest, LeavesUtf8AsItIs) {
  for (const std::string_view text : {"", "bash", "a\\b", "caf\xc3\xa9", "\xf0\x9f\x91\x81 eye"}) {
    Event event;
    EXPECT_EQ(Text(event, text), text);
    EXPECT_FALSE(event.escaped());
    EXPECT_FALSE(event.truncated());
    EXPECT_FALSE(event.has_truncated_bytes());
  }
}

TEST(SetTextTest, EscapesLosslesslyWhatIsNotUtf8) {
  Event event;
  const std::string bytes = "a\\\xff\xc3(\n";
  EXPECT_EQ(Text(event, bytes), "a\\\\\\xff\\xc3(\n");
  EXPECT_TRUE(event.escaped());
  EXPECT_FALSE(event.truncated());
  EXPECT_EQ(base::UnescapeBytes(Text(event, bytes)), bytes);
}

TEST(SetTextTest, CutsTheTailAndTellsHowMuch) {
  Event event;
  EXPECT_EQ(Text(event, "0123456789", 4), "0123");
  EXPECT_TRUE(event.truncated());
  EXPECT_EQ(event.truncated_bytes(), 6u);
  EXPECT_EQ(Text(event, "abcdef", 5), "abcde");
  EXPECT_EQ(event.truncated_bytes(), 7u) << "of all texts together";
}

TEST(SetTextTest, NeverCutsACharacterOrAnEscapeInTwo) {
  struct Case {
    std::string_view bytes;
    size_t max_bytes;
    std::string_view expected;
    uint64_t cut;
  };
  for (const Case& c :
       {Case{"ab\xc3\xa9", 3, "ab", 2}, Case{"\xf0\x9f\x91\x81", 3, "", 4},
        Case{"a\xff\xff", 6, "a\\xff", 1}, Case{"a\xff\xff", 9, "a\\xff\\xff", 0},
        Case{"\\\\\xff", 5, "\\\\\\\\", 1}, Case{"\xff\xc3\xa9z", 6, "\\xff\xc3\xa9", 1}}) {
    Event event;
    EXPECT_EQ(Text(event, c.bytes, c.max_bytes), c.expected);
    EXPECT_EQ(event.truncated_bytes(), c.cut) << c.expected;
    EXPECT_EQ(event.truncated(), c.cut != 0);
  }
}

TEST(SetTextTest, KeepsItsBoundForBytesThatAllNeedAnEscape) {
  Event event;
  const std::string text = Text(event, std::string(1 << 20, '\x80'));
  EXPECT_LE(text.size(), kMaxTextBytes);
  EXPECT_TRUE(base::IsUtf8(text));
  EXPECT_EQ(event.truncated_bytes() + text.size() / 4, 1u << 20);
}

std::vector<std::string_view> Views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

size_t TotalBytes(const v1::ProcessEvent& process) {
  size_t total = 0;
  for (const std::string& argument : process.command_line()) total += argument.size();
  return total;
}

TEST(SetCommandLineTest, KeepsEmptyArguments) {
  Event event;
  const std::vector<std::string> arguments = {"a", "", "b", ""};
  EXPECT_FALSE(
      SetCommandLine(event, Views(arguments), event.mutable_process()->mutable_command_line()));
  EXPECT_THAT(event.process().command_line(), testing::ElementsAreArray(arguments));
}

TEST(SetCommandLineTest, StaysWithinItsBytesAndElements) {
  struct Case {
    std::vector<std::string> arguments;
    int elements;
    uint64_t cut;
  };
  const std::vector<Case> cases = {
      {{std::string(kMaxCommandLineBytes, 'a')}, 1, 0},
      {{std::string(kMaxCommandLineBytes + 1, 'a')}, 1, 1},
      {{std::string(kMaxCommandLineBytes, 'a'), "b"}, 1, 2},
      {std::vector<std::string>(kMaxCommandLineElements + 2, ""), kMaxCommandLineElements, 2},
      {std::vector<std::string>(kMaxCommandLineElements + 1, "abc"), kMaxCommandLineElements, 4},
      {{std::string(40 << 10, 'a'), std::string(40 << 10, 'b'), "c"}, 2, (16 << 10) + 2},
  };
  for (const Case& c : cases) {
    Event event;
    EXPECT_EQ(
        SetCommandLine(event, Views(c.arguments), event.mutable_process()->mutable_command_line()),
        c.cut != 0);
    EXPECT_EQ(event.process().command_line_size(), c.elements);
    EXPECT_EQ(event.truncated_bytes(), c.cut);
    EXPECT_LE(TotalBytes(event.process()), kMaxCommandLineBytes);
    EXPECT_LE(event.ByteSizeLong(), kMaxEventBytes);
  }
}

TEST(SetTimeTest, SurvivesTheTripAndClampsTheImpossible) {
  google::protobuf::Timestamp field;
  SetTime(absl::FromUnixNanos(1'700'000'000'123'456'789), &field);
  EXPECT_EQ(field.seconds(), 1'700'000'000);
  EXPECT_EQ(field.nanos(), 123'456'789);
  SetTime(absl::FromUnixNanos(-1), &field);
  EXPECT_EQ(field.seconds(), -1);
  EXPECT_EQ(field.nanos(), 999'999'999);
  SetTime(absl::InfiniteFuture(), &field);
  EXPECT_EQ(field.seconds(), 253'402'300'799);
  EXPECT_EQ(field.nanos(), 0);
}

TEST(SetDurationTest, SurvivesTheTripAndClampsTheImpossible) {
  google::protobuf::Duration field;
  SetDuration(absl::Milliseconds(-1500), &field);
  EXPECT_EQ(field.seconds(), -1);
  EXPECT_EQ(field.nanos(), -500'000'000);
  SetDuration(absl::InfiniteDuration(), &field);
  EXPECT_EQ(field.seconds(), 315'576'000'000);
}

}  // namespace
}  // namespace daemoneye::event
