// The real binary against a server whose answers are written down.

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "fmt/format.h"
#include "libs/base/version.h"
#include "tools/eyectl/fake_server.h"
#include "tools/eyectl/running_eyectl.h"

namespace daemoneye::eyectl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

v1::CollectionEvent Event(const std::string& text) { return Parse<v1::CollectionEvent>(text); }

const char kStarted[] =
    "control { stream_started { stream_id: 'log-1' first_sequence: 5 publisher { monitor: 'm' "
    "host: 'h' } } }";

FakeAnswers ShortStream() {
  return {
      .events = {Event(kStarted),
                 Event("process { action: PROCESS_ACTION_SNAPSHOT pid: 1 name: 'init' }"),
                 Event("control { snapshot_complete { count: 1 as_of_sequence: 4 } }"),
                 Event("sequence: 5 process { action: PROCESS_ACTION_START pid: 7 name: 'new' }")}};
}

Ended Ask(const FakeServer& server, std::vector<std::string> args) {
  args.push_back("--address=" + server.address());
  return RunEyectlBinary(args);
}

TEST(EventsTest, PrintsAStreamToItsEndAndExitsWithZero) {
  const FakeServer server(ShortStream());
  const Ended ended = Ask(server, {"events"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("ACTION"), HasSubstr("-- stream log-1 of m@h from position 5"),
                    HasSubstr("SNAPSHOT         1"), HasSubstr("-- snapshot of 1 as of position 4"),
                    HasSubstr("START            7")));
  EXPECT_THAT(ended.out, Not(HasSubstr("\x1b"))) << "no colour but on a terminal";
  EXPECT_THAT(ended.err, IsEmpty());
}

TEST(EventsTest, FlagsBecomeTheRequest) {
  const FakeServer server(ShortStream());
  ASSERT_EQ(Ask(server, {"events", "--follow=false", "--snapshot=none", "--max=9",
                         "--resume=log-1:4", "--overflow=disconnect", "--heartbeat=1500ms",
                         "--client_id=me", "--kind=process", "--deny_name=cron"})
                .code,
            0);
  EXPECT_EQ(
      server.stream_request().ShortDebugString(),
      Parse<v1::StreamEventsRequest>(
          "follow: false include_snapshot: false max_events: 9 "
          "resume { stream_id: 'log-1' after_sequence: 4 } overflow: OVERFLOW_POLICY_DISCONNECT "
          "heartbeat_interval { seconds: 1 nanos: 500000000 } client_id: 'me' "
          "filter { kinds: EVENT_KIND_PROCESS deny { names: 'cron' } }")
          .ShortDebugString());
}

TEST(EventsTest, JsonIsOneObjectALineAndLossIsToldOnTheErrorStreamToo) {
  FakeAnswers answers = ShortStream();
  answers.events.push_back(
      Event("control { missed { first_sequence: 6 last_sequence: 8 count: 3 } }"));
  answers.events.push_back(
      Event("sequence: 9 loss { monitor: 'm' stage: 'intake' reason: 'x' count: 2 }"));
  const FakeServer server(std::move(answers));
  const Ended ended = Ask(server, {"events", "--json"});
  EXPECT_EQ(ended.code, 0);
  std::istringstream lines(ended.out);
  int objects = 0;
  for (std::string line; std::getline(lines, line); ++objects) {
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
  EXPECT_EQ(objects, 6);
  EXPECT_THAT(ended.err,
              AllOf(HasSubstr("MISSED 3 events: positions 6..8"), HasSubstr("2 events lost"),
                    HasSubstr("3 MISSED by this client, 2 LOST before they reached the stream")));
}

TEST(EventsTest, CountsTheSnapshotInsteadOfListingIt) {
  const FakeServer server(ShortStream());
  const Ended ended = Ask(server, {"events", "--snapshot=count"});
  EXPECT_THAT(ended.out, AllOf(Not(HasSubstr("SNAPSHOT ")), HasSubstr("-- snapshot of 1"),
                               HasSubstr("START")));
}

TEST(EventsTest, EndsByItselfWithZeroWhenItsTimeIsOver) {
  FakeAnswers answers = ShortStream();
  answers.stay_open = true;
  const FakeServer server(std::move(answers));
  const Ended ended = Ask(server, {"events", "--for=300ms"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("START"));
}

TEST(EventsTest, CtrlCEndsItCleanly) {
  FakeAnswers answers = ShortStream();
  answers.stay_open = true;
  const FakeServer server(std::move(answers));
  for (const int signal : {SIGINT, SIGTERM}) {
    RunningEyectl eyectl({"events", "--address=" + server.address()});
    EXPECT_THAT(eyectl.ReadLine(), StartsWith("TIME"));
    EXPECT_THAT(eyectl.ReadLine(), StartsWith("-- stream"));
    eyectl.Signal(signal);
    const Ended ended = eyectl.Wait();
    EXPECT_EQ(ended.code, 0);
    EXPECT_THAT(ended.err, IsEmpty());
  }
}

TEST(EventsTest, ABrokenPipeIsNoError) {
  FakeAnswers answers = ShortStream();
  answers.endless = true;
  const FakeServer server(std::move(answers));
  RunningEyectl eyectl({"events", "--address=" + server.address()});
  eyectl.ReadLine();
  eyectl.CloseOutput();
  const Ended ended = eyectl.Wait();
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.err, IsEmpty());
}

TEST(EventsTest, AStreamThatBreaksIsAnErrorThatSaysWhereToGoOn) {
  FakeAnswers answers = ShortStream();
  answers.stream_status = {grpc::StatusCode::CANCELLED, "shut\x1b[31mting down"};
  const FakeServer server(std::move(answers));
  const Ended ended = Ask(server, {"events"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("--resume=log-1:5 goes on from here"));
  EXPECT_THAT(ended.err, HasSubstr("CANCELLED: shut\\x1b[31mting down (" + server.address() + ")"));
}

TEST(StatusTest, ShowsSourcesAndTheAccount) {
  const FakeServer server(
      {.status = Parse<v1::GetStatusResponse>(
           R"(monitor: "procmond" host: "h" version: "1" stream_id: "s" ready: false
      problems: "blind" sources { name: "process-scan" state: SOURCE_STATE_RUNNING observed: 5
      last_scan_read: 3 last_scan_total: 4 last_scan_duration { nanos: 2000000 } }
      accounting { observed: 5 published: 3 dropped { stage: "intake" reason: "full" count: 2 }
      subscribers { client_id: "me" delivered: 1 queued: 2 } }
      config { name: "interval" value: "5s" origin: "flag" }
      privileges { user_id: 7 capabilities: "cap_bpf" capabilities: "cap_\033"
      no_new_privileges: true })")});
  const Ended ended = Ask(server, {"status", "--config"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("procmond@h  version 1"), HasSubstr("NOT READY\n  blind\n"),
                    HasSubstr("user 7, capabilities: cap_bpf, cap_\\x1b; cannot gain more\n"),
                    HasSubstr("process-scan  RUNNING  5         0         3 of 4 in 2ms\n"),
                    HasSubstr("observed 5 = published 3 + filtered 0 + dropped 2; 0 notices\n"
                              "  dropped at intake, full: 2\n"),
                    HasSubstr("me          1          2       0         0\n"),
                    HasSubstr("interval  5s     flag\n")));
  const auto json = nlohmann::json::parse(Ask(server, {"status", "--json"}).out);
  EXPECT_EQ(json["sources"][0]["name"], "process-scan");
  EXPECT_EQ(json["ready"], false);
}

TEST(MonitorsTest, ListsAllPages) {
  const FakeServer server(
      {.monitors = {
           Parse<v1::ListMonitorsResponse>(
               R"(monitors { name: "procmond@h" address: "unix:/a" state: MONITOR_STATE_STREAMING
                           received: 9 position { sequence: 8 } rejected { reason: "too_large" count: 1 } })"),
           Parse<v1::ListMonitorsResponse>(
               R"(monitors { name: "b" address: "b:1" state: MONITOR_STATE_RETRYING
                           last_error: "refused\x1b[2J" })")}});
  const Ended ended = Ask(server, {"monitors"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(
      ended.out,
      "MONITOR     STATE      ADDRESS  RECEIVED  POSITION  GAPS  LOST  REJECTED     RECONNECTS  "
      "LAST ERROR\n"
      "procmond@h  STREAMING  unix:/a  9         8         0     0     1 too_large  0           -\n"
      "b           RETRYING   b:1      0         0         0     0     -            0           "
      "refused\\x1b[2J\n");
  EXPECT_EQ(nlohmann::json::parse(Ask(server, {"monitors", "--json"}).out)["monitors"].size(), 2u);
}

TEST(MonitorsTest, AMonitorHasNone) {
  const FakeServer server({}, /*is_gateway=*/false);
  const Ended ended = Ask(server, {"monitors"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("is not a gateway: it has no monitors"));
}

TEST(HealthTest, ExitCodeIsTheAnswer) {
  FakeServer server({});
  Ended ended = Ask(server, {"health"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, "SERVING\n");
  server.health().SetServingStatus("readiness", false);
  ended = Ask(server, {"health", "--service=readiness"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.out, "NOT_SERVING\n");
  ended = Ask(server, {"health", "--service=nobody"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("NOT_FOUND"));
}

TEST(HealthTest, WaitsUntilItServes) {
  FakeServer server({});
  server.health().SetServingStatus("readiness", false);
  RunningEyectl eyectl(
      {"health", "--service=readiness", "--until_serving=60s", "--address=" + server.address()});
  server.health().SetServingStatus("readiness", true);
  EXPECT_EQ(eyectl.Wait().code, 0);
  server.health().SetServingStatus("readiness", false);
  EXPECT_EQ(Ask(server, {"health", "--service=readiness", "--until_serving=200ms"}).code, 1);
}

TEST(TaskTest, PrintsRecordsAndTheSummary) {
  const FakeServer server(
      {.task = {Parse<v1::ExecuteTaskResponse>(
                    "record { process { action: PROCESS_ACTION_SNAPSHOT pid: 3 } }"),
                Parse<v1::ExecuteTaskResponse>(
                    "summary { records: 1 completeness { complete: true } }")}});
  const Ended ended = Ask(server, {"task", "enumerate-processes", "--on=a", "--on=b", "--pid=3"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("SNAPSHOT         3"), HasSubstr("-- 1 records, complete")));
  EXPECT_EQ(
      server.task_request().ShortDebugString(),
      Parse<v1::ExecuteTaskRequest>(
          "type: TASK_TYPE_ENUMERATE_PROCESSES filter { pids: 3 } monitors: 'a' monitors: 'b'")
          .ShortDebugString());
}

TEST(TaskTest, WhatIsMissingFromAnAnswerIsToldLoudly) {
  const FakeServer server({.task = {Parse<v1::ExecuteTaskResponse>(
                               "summary { completeness { reasons: 'not root' } }")}});
  const Ended ended = Ask(server, {"task", "enumerate_processes"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("NOT COMPLETE"), HasSubstr("not root")));
}

TEST(TaskTest, AMonitorThatDidNotAnswerIsNoSuccess) {
  const FakeServer server(
      {.task = {Parse<v1::ExecuteTaskResponse>(
           "summary { completeness { reasons: 'b is away' } monitors { monitor: 'b' "
           "error: 'unreachable' } }")}});
  const Ended ended = Ask(server, {"task", "ENUMERATE_PROCESSES"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("NOT COMPLETE"), HasSubstr("b is away"),
                               HasSubstr("b: 0 records, unreachable")));
  const Ended json = Ask(server, {"task", "enumerate_processes", "--json"});
  EXPECT_EQ(nlohmann::json::parse(json.out)["daemoneye.kind"], "task_summary");
}

TEST(UsageTest, WrongUsageIsTwoAndSaysWhatIsRight) {
  const struct {
    std::vector<std::string> args;
    std::string message;
  } cases[] = {
      {{}, "usage: eyectl COMMAND"},
      {{"event"}, "no command 'event'; did you mean events?"},
      {{"events", "--jsn"}, "unknown flag --jsn; did you mean --json?"},
      {{"events", "all"}, "'all' is not understood: events takes only flags"},
      {{"events", "--follow", "false"}, "'false' is not understood"},
      {{"events", "--resume=abc"}, "--resume: 'abc' is not STREAM:SEQUENCE"},
      {{"events", "--snapshot=some"}, "--snapshot: 'some' is none of list, count, none"},
      {{"events", "--overflow=block"}, "'block' is neither drop_oldest nor disconnect"},
      {{"task"}, "task takes one TYPE, not 0: enumerate_processes, check_process_hash"},
      {{"task", "dance"}, "'dance' is no task"},
  };
  for (const auto& c : cases) {
    const Ended ended = RunEyectlBinary(c.args);
    EXPECT_EQ(ended.code, 2) << c.message;
    EXPECT_THAT(ended.err, HasSubstr(c.message));
    EXPECT_THAT(ended.out, IsEmpty());
  }
}

TEST(UsageTest, FlagsMayStandBeforeTheCommand) {
  const FakeServer server({});
  EXPECT_EQ(RunEyectlBinary({"--address", server.address(), "health"}).code, 0);
  EXPECT_EQ(RunEyectlBinary({"--address=" + server.address(), "health"}).code, 0);
}

TEST(UsageTest, VersionIsTheOneOfTheServers) {
  const Ended ended = RunEyectlBinary({"--version"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, fmt::format("eyectl {}\n", base::kVersion));
}

TEST(UsageTest, HelpNamesCommandsAndTheirFlags) {
  EXPECT_THAT(RunEyectlBinary({"--help"}).out, AllOf(HasSubstr("events"), HasSubstr("monitors")));
  const Ended ended = RunEyectlBinary({"events", "--help"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("--resume=STREAM:SEQ"), HasSubstr("--deny_name=NAME"),
                               HasSubstr("--address")));
}

TEST(UsageTest, AServerThatIsNotThereIsAClearError) {
  Ended ended = RunEyectlBinary({"events", "--address=unix:///tmp/nobody-is-here.sock"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, AllOf(StartsWith("eyectl: UNAVAILABLE: "),
                               HasSubstr("unix:///tmp/nobody-is-here.sock")));
  ended = RunEyectlBinary({"health", "--address=unix:///tmp/nobody-is-here.sock", "--wait=200ms"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("unix:///tmp/nobody-is-here.sock did not answer within 200ms"));
}

}  // namespace
}  // namespace daemoneye::eyectl
