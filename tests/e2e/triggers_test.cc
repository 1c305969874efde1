// Triggers with the real servers on the real /proc: what is started here fires the condition that
// is made for it, once, and soon.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "absl/time/clock.h"
#include "daemoneye/v1/alert_service.pb.h"
#include "daemoneye/v1/trigger_service.pb.h"
#include "fmt/format.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/e2e/triggers_fixture.h"
#include "tests/support/client.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using procfs::TestChild;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::ChildProcess;
using testing_support::EventStream;
using testing_support::kPatience;
using testing_support::SqlTrigger;

constexpr char kTriggers[] = "/daemoneye.v1.TriggerService/";

using TriggersTest = testing_support::TriggersFixture;

TEST_F(TriggersTest, AnExecutableDeletedWhileItRunsFiresOnceWithinASecond) {
  StartServers();
  const std::string path = directory_.File("renamed");
  TestChild::CopyProgram(path);
  const TestChild child(path);
  const auto pid = static_cast<uint32_t>(child.pid());
  // From /tmp: that it was started is an alert of its own, and shows that it was seen.
  Await("execution-from-tmp", pid);
  std::filesystem::remove(path);
  const v1::Alert alert = Await("executable-deleted", pid);
  EXPECT_EQ(alert.executable_path(), path);
  EXPECT_EQ(alert.severity(), v1::SEVERITY_HIGH);
  EXPECT_TRUE(alert.completeness().complete()) << alert.completeness().ShortDebugString();
  ExpectSoonAfterItsEvent(alert);
  EXPECT_EQ(CountAfterTwoScans("executable-deleted", pid), 1u);
  // The event behind it is stored by now, and found by its origin.
  const v1::Origin& origin = alert.evidence(0);
  const testing_support::Ended answer = testing_support::RunToEnd(
      {.argv = {testing_support::kEyectl, "query", "--csv", "--address=" + gateway_->address(),
                "--param=" + origin.stream_id(), fmt::format("--param=int:{}", origin.sequence()),
                "SELECT action, file_exists, executable_path FROM process_events WHERE "
                "origin_stream_id = ?1 AND origin_sequence = ?2"}});
  EXPECT_EQ(answer.code, 0) << answer.output;
  EXPECT_THAT(answer.output, HasSubstr("MODIFIED,0," + path));
}

TEST_F(TriggersTest, AShellUnderAWebServersNameFires) {
  StartServers();
  std::filesystem::copy_file("/bin/dash", directory_.File("nginx"));
  ChildProcess server(
      {.argv = {directory_.File("nginx"), "-c", "/bin/sh -c 'echo started $$; kill -STOP $$'; :"}});
  const auto line = server.AwaitLine({"started"});
  ASSERT_TRUE(line.has_value());
  const auto pid = static_cast<uint32_t>(std::stoi(line->substr(line->find(' ') + 1)));
  const v1::Alert alert = Await("server-spawns-shell", pid);
  EXPECT_EQ(alert.process_name(), "sh");
  ExpectSoonAfterItsEvent(alert);
  kill(static_cast<pid_t>(pid), SIGKILL);
}

TEST_F(TriggersTest, AProcessAtHighCpuFiresOnItsSample) {
  StartServers(R"(
default_triggers: false
triggers:
- id: busy
  description: A process is busy
  condition: {resource_anomaly: {cpu_usage_percent: 20.5}}
)");
  ChildProcess busy({.argv = {"/bin/sh", "-c", "while :; do :; done"}});
  const auto pid = static_cast<uint32_t>(busy.pid());
  const v1::Alert alert = Await("busy", pid);
  EXPECT_EQ(alert.title(), "A process is busy");
  EXPECT_EQ(alert.severity(), v1::SEVERITY_MEDIUM);
  EXPECT_GE(StatisticsOf("busy").matched(), 1u);
  // It goes on being busy: that is no news.
  EXPECT_EQ(CountAfterTwoScans("busy", pid), 1u);
  EXPECT_GE(StatisticsOf("busy").suppressed().at("duplicate"), 1u);
}

TEST_F(TriggersTest, WhatMayNotBeAskedIsRefusedAndWhatCostsTooMuchIsCutOff) {
  StartServers("default_triggers: false\n");
  for (const char* sql :
       {"DELETE FROM process_events", "ATTACH DATABASE '/tmp/x' AS x", "PRAGMA database_list",
        "SELECT * FROM process_events; SELECT 1", "SELECT count(*) FROM process_events",
        "length(zeroblob(1000000000)) > 0", "name = load_extension('x')", "nope = 1"}) {
    const absl::Status refused = Create(SqlTrigger("t", sql)).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << sql << ": " << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("trigger.condition")) << sql;
  }
  v1::StreamEventsRequest request = testing_support::LiveOnly();
  *request.mutable_filter() = testing_support::EveryEvent();
  EventStream beside = client_->StreamEvents(request, 2 * kPatience);
  const auto made = Create(
      SqlTrigger("endless",
                 "SELECT * FROM process_events WHERE (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                 "SELECT i + 1 FROM n) SELECT max(i) FROM n) > 0"));
  if (made.ok()) {
    Until([&] { return StatisticsOf("endless").errors() > 0; });
    EXPECT_THAT(StatisticsOf("endless").last_error(), testing::Not(IsEmpty()));
  } else {
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
  }
  // The stream beside it goes on: a whole scan's events come within moments of one another.
  EXPECT_TRUE(beside.Next().has_value());
  EXPECT_TRUE(beside.Next().has_value());
}

TEST_F(TriggersTest, ViewersMayLookAndOnlyOperatorsChange) {
  StartServers("default_triggers: false\n");
  v1::CreateTriggerRequest request;
  *request.mutable_trigger() = SqlTrigger("t", "pid = 1");
  EXPECT_EQ(
      client_->Call<v1::CreateTriggerResponse>(std::string(kTriggers) + "CreateTrigger", request)
          .status()
          .code(),
      absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(Create(request.trigger()).ok());
  EXPECT_EQ(Create(request.trigger()).status().code(), absl::StatusCode::kAlreadyExists);
  const auto list = client_->Call<v1::ListTriggersResponse>(std::string(kTriggers) + "ListTriggers",
                                                            v1::ListTriggersRequest());
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->triggers_size(), 1);
  EXPECT_EQ(list->triggers(0).managed_by(), v1::TRIGGER_MANAGER_API);
  EXPECT_TRUE(gateway_->AwaitLine({"operate call", "CreateTrigger", "code=OK"}).has_value());
  EXPECT_THAT(gateway_->Metrics(),
              AllOf(HasSubstr("daemoneye_trigger_evaluations_total{trigger=\"t\"}"),
                    HasSubstr("daemoneye_trigger_suppressed_total{reason=\"rate_limited\"} 0"),
                    HasSubstr("daemoneye_triggers_suspended 0")));
}

TEST_F(TriggersTest, AChangedFileIsTakenOverAsAWholeOrNotAtAll) {
  StartServers("default_triggers: false\ntriggers: [{id: a, condition: {sql: pid = 1}}]\n");
  const auto ids = [&] {
    std::set<std::string> found;
    const auto list = client_->Call<v1::ListTriggersResponse>(
        std::string(kTriggers) + "ListTriggers", v1::ListTriggersRequest());
    for (const v1::Trigger& trigger : list->triggers()) found.insert(trigger.id());
    return found;
  };
  EXPECT_EQ(ids(), std::set<std::string>{"a"});
  directory_.Write("gateway.yaml",
                   "default_triggers: false\ntriggers: [{id: b, condition: {sql: pid = 2}}, "
                   "{id: c, condition: {sql: nope = 1}}]\n");
  gateway_->Signal(SIGHUP);
  const auto refused = gateway_->AwaitLine({"configuration not reloaded", "triggers[1].condition"});
  EXPECT_TRUE(refused.has_value());
  EXPECT_EQ(ids(), std::set<std::string>{"a"});
  directory_.Write("gateway.yaml",
                   "default_triggers: false\ntriggers: [{id: b, condition: {sql: pid = 2}}]\n");
  gateway_->Signal(SIGHUP);
  EXPECT_TRUE(gateway_->AwaitLine({"configuration reloaded", "changed=triggers"}).has_value());
  EXPECT_EQ(ids(), std::set<std::string>{"b"});
}

}  // namespace
}  // namespace daemoneye
