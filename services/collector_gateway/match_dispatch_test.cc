#include "services/collector_gateway/match_dispatch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"
#include "libs/base/fake_clock.h"
#include "libs/event_bus/local_event_bus.h"
#include "services/collector_gateway/link_completeness.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

trigger::TriggerMatch Match(const std::string& trigger) {
  trigger::TriggerMatch match;
  match.trigger = std::make_shared<const v1::Trigger>(Parse<v1::Trigger>(trigger));
  match.event = std::make_shared<const v1::CollectionEvent>(Parse<v1::CollectionEvent>(R"(
    origin { monitor: "procmond" host: "web1" stream_id: "s" sequence: 7 }
    correlation { correlation_id: "c" root_id: "r" }
    process { pid: 42 process_key: "k" name: "nc" executable_path: "/usr/bin/nc" })"));
  match.evidence = {match.event->origin(), match.event->origin()};
  match.evidence[1].set_sequence(5);
  match.depth = 1;
  return match;
}

TEST(MatchDispatchTest, AnAlertCarriesWhatTheMatchShows) {
  trigger::TriggerMatch match = Match(R"(
    id: "t" description: "netcat" severity: SEVERITY_HIGH attack_ids: "T1095"
    metadata { key: "runbook" value: "7" } dedup_window { seconds: 60 })");
  match.key = "k";
  match.details = {{"cpu", "99"}};
  match.suppressed = 4;
  const alerting::AlertDraft draft = DraftOf(match, {});
  const v1::Alert& alert = draft.alert;
  EXPECT_EQ(alert.title(), "netcat");
  EXPECT_EQ(alert.severity(), v1::SEVERITY_HIGH);
  EXPECT_EQ(alert.trigger_id(), "t");
  EXPECT_EQ(alert.process_key(), "k");
  EXPECT_EQ(alert.process_name(), "nc");
  EXPECT_EQ(alert.executable_path(), "/usr/bin/nc");
  EXPECT_EQ(alert.pid(), 42u);
  EXPECT_EQ(alert.host(), "web1");
  EXPECT_EQ(alert.correlation_id(), "c");
  EXPECT_THAT(alert.attack_ids(), ElementsAre("T1095"));
  ASSERT_EQ(alert.evidence_size(), 2);
  EXPECT_EQ(alert.evidence(0).sequence(), 7u);
  EXPECT_EQ(alert.evidence(1).sequence(), 5u);
  EXPECT_THAT(alert.details(),
              UnorderedElementsAre(Pair("runbook", "7"), Pair("cpu", "99"), Pair("key", "k")));
  EXPECT_EQ(draft.dedup_window, absl::Minutes(1));
  EXPECT_EQ(draft.dedup_scope, "k");
  EXPECT_EQ(draft.suppressed, 4u);
}

TEST(MatchDispatchTest, AMatchOfATriggerThatNamesAWorkflowStartsItOrIsToldAllTheSame) {
  base::FakeClock clock;
  event_bus::LocalEventBus bus({}, clock);
  std::vector<v1::Alert> alerts;
  absl::Status answer;
  int started = 0;
  MatchDispatch dispatch({.bus = bus,
                          .clock = clock,
                          .raise = [&](auto draft) { alerts.push_back(draft.alert); },
                          .completeness =
                              [] {
                                v1::Completeness completeness;
                                completeness.set_complete(true);
                                return completeness;
                              },
                          .start =
                              [&](const auto&) {
                                ++started;
                                return answer;
                              },
                          .on_problem = [] {}});
  const trigger::TriggerMatch match = Match("id: 't' workflow: 'investigate'");
  EXPECT_TRUE(dispatch.OnMatch(match));
  EXPECT_EQ(dispatch.requests(), 1u);
  EXPECT_TRUE(alerts.empty());
  answer = absl::ResourceExhaustedError("1,000 wait");
  EXPECT_FALSE(dispatch.OnMatch(match));
  EXPECT_EQ(dispatch.requests(), 1u);
  EXPECT_TRUE(alerts.empty());
  answer = absl::NotFoundError("there is no workflow investigate");
  EXPECT_TRUE(dispatch.OnMatch(match));
  dispatch.OnTimeout(match);
  EXPECT_EQ(dispatch.requests(), 3u);
  EXPECT_EQ(started, 3);
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_FALSE(alerts[0].completeness().complete());
  EXPECT_THAT(alerts[0].completeness().reasons(), ElementsAre("there is no workflow investigate"));
  EXPECT_THAT(alerts[1].completeness().reasons(), ElementsAre(HasSubstr("was not asked")));
  EXPECT_TRUE(dispatch.OnMatch(Match("id: 'plain'")));
  EXPECT_EQ(started, 3);
  EXPECT_EQ(alerts.size(), 3u);
}

TEST(MatchDispatchTest, WhatATriggerDoesNotSayHasItsDefault) {
  const alerting::AlertDraft draft = DraftOf(Match("id: 't'"), {});
  EXPECT_EQ(draft.alert.title(), "Trigger t");
  EXPECT_EQ(draft.alert.severity(), v1::SEVERITY_MEDIUM);
  EXPECT_EQ(draft.dedup_window, absl::Seconds(300));
}

TEST(MatchDispatchTest, ARequestKeepsTheChainOfItsEvent) {
  const v1::CollectionEvent request =
      RequestEvent(Match("id: 't' priority: TRIGGER_PRIORITY_HIGH"), absl::FromUnixSeconds(9));
  EXPECT_EQ(request.trigger_request().trigger_id(), "t");
  EXPECT_EQ(request.trigger_request().priority(), v1::TRIGGER_PRIORITY_HIGH);
  EXPECT_EQ(request.trigger_request().target_process_key(), "k");
  EXPECT_EQ(request.trigger_request().target_path(), "/usr/bin/nc");
  EXPECT_EQ(request.trigger_request().correlation_id(), "c");
  EXPECT_EQ(request.trigger_request().depth(), 1u);
  EXPECT_EQ(request.correlation().parent_id(), "c");
  EXPECT_EQ(request.correlation().root_id(), "r");
  EXPECT_NE(request.correlation().correlation_id(), "c");
  EXPECT_EQ(request.event_time().seconds(), 9);
}

TEST(MatchDispatchTest, AMatchIsOneAlertAndOneCountedEventOfTheLog) {
  base::FakeClock clock;
  event_bus::LocalEventBus bus({.monitor = "gateway", .host = "h"}, clock);
  size_t raised = 0;
  MatchDispatch dispatch({.bus = bus,
                          .clock = clock,
                          .raise = [&](const alerting::AlertDraft&) { ++raised; },
                          .completeness = [] { return v1::Completeness(); },
                          .on_problem = [] {}});
  EXPECT_TRUE(dispatch.OnMatch(Match("id: 't'")));
  EXPECT_EQ(raised, 1u);
  EXPECT_EQ(dispatch.requests(), 1u);
  EXPECT_EQ(bus.statistics().published, 1u);
}

TEST(MatchDispatchTest, BeingRateLimitedIsAnAlertOfItsOwn) {
  base::FakeClock clock;
  event_bus::LocalEventBus bus({.monitor = "gateway", .host = "h"}, clock);
  std::vector<alerting::AlertDraft> raised;
  MatchDispatch dispatch({.bus = bus,
                          .clock = clock,
                          .raise = [&](alerting::AlertDraft d) { raised.push_back(std::move(d)); },
                          .completeness = [] { return v1::Completeness(); },
                          .on_problem = [] {}});
  const trigger::TriggerMatch match = Match("id: 't'");
  dispatch.OnRateLimited({.trigger = match.trigger,
                          .collector = "web1/procmond",
                          .event = match.event,
                          .limit_per_minute = 80});
  ASSERT_EQ(raised.size(), 1u);
  EXPECT_THAT(raised[0].alert.title(), HasSubstr("web1/procmond"));
  EXPECT_EQ(raised[0].alert.host(), "web1");
  EXPECT_NE(raised[0].dedup_scope, DraftOf(match, {}).dedup_scope);
  EXPECT_EQ(bus.statistics().published, 0u);
}

TEST(LinkCompletenessTest, DeadLinksGapsAndUnknownNamesAreReasons) {
  MonitorLink::Status good, dead, gap;
  good.address = "unix:/good";
  good.state = v1::MONITOR_STATE_STREAMING;
  dead.address = "unix:/dead";
  dead.state = v1::MONITOR_STATE_RETRYING;
  gap.address = "unix:/gap";
  gap.state = v1::MONITOR_STATE_STREAMING;
  gap.counts.gaps = 1;
  gap.counts.lost = 12;
  EXPECT_TRUE(CompletenessOf({}, {good}).complete());
  const v1::Completeness all = CompletenessOf({"dns:///x: not found"}, {good, dead, gap});
  EXPECT_FALSE(all.complete());
  EXPECT_THAT(all.reasons(),
              ElementsAre("dns:///x: not found", "unix:/dead does not stream: RETRYING",
                          "12 events of unix:/gap were lost in 1 gaps"));
}

TEST(LinkCompletenessTest, OfAHostOnlyThoseThatTellOfItCount) {
  MonitorLink::Status good, dead, gateway, unknown;
  for (MonitorLink::Status* link : {&good, &dead, &gateway}) {
    link->monitor.set_stream_id("s");
    link->monitor.set_monitor("procmond");
    link->state = v1::MONITOR_STATE_STREAMING;
  }
  good.monitor.set_host("a");
  dead.monitor.set_host("b");
  dead.state = v1::MONITOR_STATE_RETRYING;
  gateway.monitor.set_host("zone");
  gateway.monitor.add_origins()->set_host("c");
  EXPECT_TRUE(CompletenessOfHost({good, dead, gateway}, "a").complete());
  EXPECT_TRUE(CompletenessOfHost({good, dead, gateway}, "c").complete());
  EXPECT_THAT(CompletenessOfHost({good, dead, gateway}, "b").reasons(),
              ElementsAre("procmond@b does not stream: RETRYING"));
  EXPECT_THAT(CompletenessOfHost({good, dead, gateway}, "d").reasons(),
              ElementsAre("no monitor tells of host d"));
  unknown.address = "unix:/new";
  EXPECT_THAT(CompletenessOfHost({good, unknown}, "a").reasons(),
              ElementsAre("unix:/new does not stream: CONNECTING"));
}

}  // namespace
}  // namespace daemoneye::gateway
