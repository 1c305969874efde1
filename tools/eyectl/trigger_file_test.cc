#include "tools/eyectl/trigger_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"
#include "tools/eyectl/trigger_text.h"

namespace daemoneye::eyectl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(TriggerFileTest, ReadsOneTriggerOrAList) {
  EXPECT_EQ(ParseTriggers("id: a\ncondition: {sql: pid = 1}\n")->at(0).condition().sql(),
            "pid = 1");
  EXPECT_EQ(ParseTriggers(R"({"id": "a", "severity": "HIGH"})")->at(0).severity(),
            v1::SEVERITY_HIGH);
  EXPECT_EQ(ParseTriggers("monitors: [x]\ntriggers: [{id: a}, {id: b}]\n")->size(), 2u);
}

TEST(TriggerFileTest, NamesWhatIsWrong) {
  EXPECT_THAT(ParseTriggers("idd: a").status().message(), HasSubstr("did you mean id?"));
  EXPECT_THAT(ParseTriggers("triggers: [{id: 5}]").status().message(),
              HasSubstr("triggers[0].id: wants a text"));
  EXPECT_THAT(ParseTriggers("a: [").status().message(), HasSubstr("line 1"));
}

TEST(TriggerTextTest, WhatComesFromOutsideIsEscaped) {
  v1::Trigger trigger;
  trigger.set_id("a");
  trigger.set_description("\x1b[31m\u202e");
  trigger.set_severity(v1::SEVERITY_HIGH);
  EXPECT_THAT(TriggersText({trigger}, absl::UnixEpoch()),
              AllOf(HasSubstr("HIGH"), Not(HasSubstr("\x1b"))));
  v1::ValidateTriggerResponse response;
  v1::TriggerProblem& problem = *response.add_problems();
  problem.set_field("condition.sql");
  problem.set_message("no column \x1b");
  problem.set_position(7);
  EXPECT_THAT(
      ValidationText(trigger, response, Style(false)),
      AllOf(HasSubstr("a: condition.sql: no column \\x1b (at byte 7)"), Not(HasSubstr("\x1b"))));
  problem.set_message("no column at position 7");
  EXPECT_THAT(ValidationText(trigger, response, Style(false)), Not(HasSubstr("at byte")));
}

TEST(TriggerTextTest, AMuteThatHasEndedIsNotTold) {
  v1::Trigger trigger;
  trigger.set_id("a");
  trigger.mutable_muted_until()->set_seconds(1000);
  EXPECT_THAT(TriggersText({trigger}, absl::FromUnixSeconds(999)), HasSubstr("muted until"));
  EXPECT_THAT(TriggersText({trigger}, absl::FromUnixSeconds(1000)), Not(HasSubstr("muted")));
}

TEST(TriggerTextTest, StatisticsAddUpWhatWasSuppressed) {
  v1::GetTriggerStatisticsResponse response;
  v1::TriggerStatistics& statistics = *response.add_statistics();
  statistics.set_trigger_id("a");
  statistics.set_matched(9);
  (*statistics.mutable_suppressed())["duplicate"] = 3;
  (*statistics.mutable_suppressed())["muted"] = 4;
  response.set_missed_events(5);
  EXPECT_THAT(StatisticsText(response), AllOf(HasSubstr(" 7 "), HasSubstr("5 events were missed")));
}

}  // namespace
}  // namespace daemoneye::eyectl
