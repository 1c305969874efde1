#include "libs/event/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::event {
namespace {

using ::testing::HasSubstr;

TEST(TopicsTest, NamesEveryKindAndAction) {
  EXPECT_EQ(TopicOf(v1::EVENT_KIND_PROCESS, v1::PROCESS_ACTION_START), "events.process.start");
  EXPECT_EQ(TopicOf(v1::EVENT_KIND_NETWORK, v1::NETWORK_ACTION_CONNECT), "events.network.connect");
  EXPECT_EQ(TopicOf(v1::EVENT_KIND_FILESYSTEM, v1::FILESYSTEM_ACTION_MOVE),
            "events.filesystem.move");
  EXPECT_EQ(TopicOf(v1::EVENT_KIND_PERFORMANCE, 0), "events.performance.metric");
  EXPECT_EQ(TopicOf(v1::EVENT_KIND_TRIGGER_REQUEST, 0), "events.trigger.request");
  EXPECT_EQ(TopicOf(v1::EVENT_KIND_LOSS, 0), "events.loss.lost");
  EXPECT_EQ(TopicOf(v1::EVENT_KIND_PROCESS, 0), "");
  EXPECT_EQ(TopicOf(v1::EVENT_KIND_PROCESS, 99), "");
}

TEST(TopicPatternTest, MatchesBySegments) {
  struct Case {
    const char* pattern;
    const char* topic;
    bool matches;
  };
  const Case kCases[] = {
      {"events.process.start", "events.process.start", true},
      {"events.process.start", "events.process.stop", false},
      {"events.process.start", "events.process", false},
      {"events.process", "events.process.start", false},
      {"events.+.start", "events.process.start", true},
      {"events.+", "events.process.start", false},
      {"+.+.+", "events.process.start", true},
      {"events.process.#", "events.process.start", true},
      {"events.process.#", "events.process", true},  // none included
      {"events.process.#", "events.processes.start", false},
      {"#", "events.process.start", true},
      {"#", "", false},
      {"events.process.start.#", "events.process.start", true},
      {"events.process.start.+", "events.process.start", false},
      {"events.process.start", "events.process.start.more", false},
      {"events.+.start", "events..start", false},
  };
  for (const Case& c : kCases) {
    const auto pattern = TopicPattern::Compile(c.pattern);
    ASSERT_TRUE(pattern.ok()) << c.pattern << pattern.status();
    EXPECT_EQ(pattern->Matches(c.topic), c.matches) << c.pattern << " on " << c.topic;
  }
}

TEST(TopicPatternTest, RefusesWithThePositionAndWhatWouldBeRight) {
  struct Case {
    std::string pattern;
    const char* error;
  };
  const Case kCases[] = {
      {"events.*.start", "'*' at position 7 is no wildcard: + is one segment"},
      {"events.process.sta*", "'*' at position 18"},
      {"", "empty segment at position 0"},
      {"events..start", "empty segment at position 7"},
      {"events.process.", "empty segment at position 15"},
      {"events.#.start", "'#' at position 7 must be the last segment"},
      {"events.a#", "'#' at position 8 must be a whole segment"},
      {"events.a+", "'+' at position 8 must be a whole segment"},
      {"Events.process", "'E' at position 0: segments are made of a-z"},
      {"events.\x1b[2J", "position 7: segments are made of"},
      {"a.b.c.d.e.f", "more than 5 levels at position 10"},
      {std::string(513, 'a'), "513 bytes, at most 512"},
  };
  for (const Case& c : kCases) {
    const auto pattern = TopicPattern::Compile(c.pattern);
    ASSERT_FALSE(pattern.ok()) << c.pattern;
    EXPECT_EQ(pattern.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(pattern.status().message()), HasSubstr(c.error));
    EXPECT_EQ(pattern.status().message().find('\x1b'), absl::string_view::npos);
  }
}

TEST(TopicPatternTest, TakesFiveLevelsAndARestBehindThem) {
  EXPECT_TRUE(TopicPattern::Compile("a.b.c.d.e").ok());
  EXPECT_TRUE(TopicPattern::Compile("a.b.c.d.e.#").ok());
  EXPECT_TRUE(TopicPattern::Compile(std::string(512, 'a')).ok());
}

TEST(TopicPatternTest, NamesLevelOnlyWhereWrittenOut) {
  EXPECT_TRUE(TopicPattern::Compile("events.+.sample")->NamesLevel(2, "sample"));
  EXPECT_FALSE(TopicPattern::Compile("events.process.#")->NamesLevel(2, "sample"));
  EXPECT_FALSE(TopicPattern::Compile("events.process.+")->NamesLevel(2, "sample"));
}

}  // namespace
}  // namespace daemoneye::event
