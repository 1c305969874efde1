// The chain, whole: the real procmond, gateway and binary-hasher. A process that a trigger matches
// is collected, hashed, looked up and judged, and an alert tells of it with all of that; whatever
// becomes of the analyzer or the gateway meanwhile.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "daemoneye/v1/workflow_service.pb.h"
#include "fmt/format.h"
#include "libs/base/mutex.h"
#include "services/collector_gateway/fake_analyzer_server.h"
#include "tests/e2e/triggers_fixture.h"
#include "tests/support/alertmanager.h"

namespace daemoneye {
namespace {

using gateway::FakeAnalyzerServer;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing_support::Alertmanager;
using testing_support::ChildProcess;
using testing_support::Server;

constexpr char kHasher[] = "services/binary_hasher/binary_hasher";
constexpr char kWorkflows[] = "/daemoneye.v1.WorkflowService/";
constexpr absl::Duration kAskAgain = absl::Milliseconds(20);
constexpr absl::Duration kPatience = absl::Seconds(90);

class ChainTest : public testing_support::TriggersFixture {
 protected:
  void StartHasher(std::vector<std::string> flags = {}) {
    hasher_ = std::make_unique<Server>(kHasher, directory_.Socket("h"), flags);
    hasher_->Ready();
  }
  // A gateway whose trigger "suspect" starts `workflow` for what runs from the test's directory.
  void StartChain(const std::string& more = "", const std::string& workflow = "investigate") {
    procmond_ = std::make_unique<Server>("services/procmond/procmond", directory_.Socket("p"),
                                         std::vector<std::string>{"--interval=5"});
    procmond_->Ready();
    StartAgain(more, workflow);
  }
  void StartAgain(const std::string& more = "", const std::string& workflow = "investigate") {
    StartGateway(directory_.Socket("p"),
                 fmt::format("default_triggers: false\n"
                             "triggers:\n"
                             "- {{id: suspect, description: A suspect runs, severity: HIGH,"
                             " workflow: {}, attack_ids: [T1204],"
                             " condition: {{sql: \"first_image AND executable_path GLOB"
                             " '{}/suspect*'\"}}}}\n{}",
                             workflow, directory_.path(), more),
                 {"--analyzers=" + directory_.Socket("h")});
  }
  // A copy of sleep in the test's directory, running.
  std::unique_ptr<ChildProcess> StartSuspect(const std::string& name = "suspect") {
    const std::string path = directory_.File(name);
    std::filesystem::copy_file("/bin/sleep", path,
                               std::filesystem::copy_options::overwrite_existing);
    return std::make_unique<ChildProcess>(testing_support::ChildSpec{.argv = {path, "600"}});
  }

  template <typename Condition>
  void AwaitThat(Condition holds) {
    const absl::Time end = absl::Now() + kPatience;
    while (!holds() && absl::Now() < end) absl::SleepFor(kAskAgain);
    ASSERT_TRUE(holds());
  }
  v1::Alert AwaitAlert() {
    std::vector<v1::Alert> alerts;
    AwaitThat([&] {
      alerts = AlertsOfTrigger("suspect");
      return !alerts.empty();
    });
    return alerts.empty() ? v1::Alert() : alerts.front();
  }

  absl::StatusOr<v1::ExecuteWorkflowResponse> Execute(const v1::ExecuteWorkflowRequest& request) {
    return operator_->Call<v1::ExecuteWorkflowResponse>(std::string(kWorkflows) + "ExecuteWorkflow",
                                                        request);
  }
  v1::WorkflowExecution Get(const std::string& id) {
    v1::GetExecutionRequest request;
    request.set_id(id);
    const auto answer =
        client_->Call<v1::GetExecutionResponse>(std::string(kWorkflows) + "GetExecution", request);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->execution() : v1::WorkflowExecution();
  }
  v1::WorkflowExecution AwaitEnd(const std::string& id) {
    v1::WorkflowExecution execution;
    AwaitThat([&] {
      execution = Get(id);
      return execution.status() > v1::EXECUTION_STATUS_RUNNING;
    });
    return execution;
  }
  // Of one stage that asks "hasher", with one retry at most.
  v1::ExecuteWorkflowRequest AskHasher(v1::TriggerPriority priority = v1::TRIGGER_PRIORITY_NORMAL) {
    v1::ExecuteWorkflowRequest request;
    v1::WorkflowStage& stage = *request.mutable_workflow()->add_stages();
    stage.set_id("ask");
    stage.set_kind(v1::WORKFLOW_STAGE_KIND_ANALYSIS);
    stage.set_analyzer("hasher");
    stage.set_analysis_type(v1::ANALYSIS_TYPE_BINARY_HASH);
    stage.set_max_retries(0);
    request.mutable_target()->set_path("/bin/true");
    request.set_priority(priority);
    return request;
  }
  void AwaitAnalyzer(const std::string& name) {
    AwaitThat([&] {
      const auto answer = client_->Call<v1::ListAnalyzersResponse>(
          "/daemoneye.v1.GatewayService/ListAnalyzers", v1::ListAnalyzersRequest());
      return answer.ok() && std::ranges::any_of(answer->analyzers(), [&](const auto& analyzer) {
               return analyzer.name() == name && analyzer.problem().empty();
             });
    });
  }

  std::unique_ptr<Server> hasher_;
};

std::string StatusesOf(const v1::WorkflowExecution& execution) {
  std::string statuses;
  for (const v1::StageExecution& stage : execution.stages()) {
    statuses += fmt::format("{}{} {}", statuses.empty() ? "" : ", ", stage.stage_id(),
                            v1::StageStatus_Name(stage.status()).substr(13));
  }
  return statuses;
}

TEST_F(ChainTest, ASuspectIsCollectedHashedLookedUpAndJudgedAndAnAlertTellsAll) {
  if (!Alertmanager::IsInstalled()) {
    GTEST_SKIP() << "no Alertmanager: apt-get install prometheus-alertmanager";
  }
  Alertmanager alertmanager;
  ASSERT_NO_FATAL_FAILURE(alertmanager.Start());
  StartHasher();
  StartChain(
      fmt::format("sinks: [{{name: file, type: file, path: {}}},"
                  " {{name: am, type: alertmanager, url: '{}'}}]\n",
                  directory_.File("alerts.jsonl"), alertmanager.url()));
  AwaitAnalyzer("binary-hasher");
  const auto suspect = StartSuspect();
  const v1::Alert alert = AwaitAlert();
  EXPECT_EQ(alert.pid(), static_cast<uint32_t>(suspect->pid()));
  // The same alert in the file and at the Alertmanager.
  AwaitThat([&] { return alertmanager.Get("alerts").size() == 1; });
  const nlohmann::json known = alertmanager.Get("alerts");
  EXPECT_EQ(known[0]["labels"]["process_key"], alert.process_key());
  EXPECT_EQ(known[0]["annotations"]["correlation_id"], alert.correlation_id());
  std::ifstream file(directory_.File("alerts.jsonl"));
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const nlohmann::json written = nlohmann::json::parse(line, nullptr, false);
  EXPECT_EQ(written["id"], alert.id());
  EXPECT_EQ(written["correlation_id"], alert.correlation_id());
  EXPECT_EQ(alert.title(), "A suspect runs");
  EXPECT_EQ(alert.severity(), v1::SEVERITY_HIGH);
  EXPECT_EQ(alert.workflow_id(), "investigate");
  EXPECT_THAT(alert.attack_ids(), Contains("T1204"));
  const v1::WorkflowExecution execution = AwaitEnd(alert.execution_id());
  EXPECT_EQ(execution.status(), v1::EXECUTION_STATUS_COMPLETED) << execution.error();
  EXPECT_EQ(
      StatusesOf(execution),
      "collect COMPLETED, hash COMPLETED, enrich COMPLETED, detect COMPLETED, alert COMPLETED");
  EXPECT_THAT(execution.alert_ids(), Contains(alert.id()));
  // What the hasher read is what runs.
  const auto& hash = execution.stages(1).result().result().fields();
  ASSERT_TRUE(hash.contains("sha256")) << execution.stages(1).result().ShortDebugString();
  EXPECT_EQ(hash.at("sha256").string_value().size(), 64u);
  EXPECT_EQ(hash.at("path").string_value(), directory_.File("suspect"));
  // One id from the first event to the alert.
  EXPECT_FALSE(alert.correlation_id().empty());
  EXPECT_EQ(execution.correlation_id(), alert.correlation_id());
  EXPECT_EQ(execution.event().correlation().correlation_id(), alert.correlation_id());
  // Every piece of evidence is found again.
  ASSERT_GE(alert.evidence_size(), 1);
  for (const v1::Origin& origin : alert.evidence()) {
    EXPECT_EQ(Query(fmt::format("SELECT count(*) FROM process_events WHERE origin_stream_id = '{}'"
                                " AND origin_sequence = {}",
                                origin.stream_id(), origin.sequence())),
              "1\n")
        << origin.ShortDebugString();
  }
}

TEST_F(ChainTest, WithoutItsAnalyzerTheAlertComesAllTheSameAndSaysSo) {
  StartChain();
  const auto suspect = StartSuspect();
  const v1::Alert alert = AwaitAlert();
  EXPECT_EQ(alert.pid(), static_cast<uint32_t>(suspect->pid()));
  EXPECT_FALSE(alert.completeness().complete());
  EXPECT_THAT(alert.completeness().reasons(), Contains(HasSubstr("hash: FAILED")));
  const v1::WorkflowExecution execution = AwaitEnd(alert.execution_id());
  EXPECT_EQ(execution.status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_EQ(execution.stages(1).status(), v1::STAGE_STATUS_FAILED);
}

TEST_F(ChainTest, ATriggerWithAnAnalyzerTheGatewayHasNotIsRefused) {
  StartHasher();
  StartChain();
  AwaitAnalyzer("binary-hasher");
  v1::Trigger trigger = testing_support::SqlTrigger("t", "pid = 1");
  trigger.set_target_collector("binary-hasher");
  trigger.set_analysis_type(v1::ANALYSIS_TYPE_YARA_SCAN);
  EXPECT_EQ(Create(trigger).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Create(trigger).status().message()),
              HasSubstr("trigger.target_collector: binary-hasher cannot do YARA_SCAN"));
  trigger.set_target_collector("yara");
  EXPECT_THAT(std::string(Create(trigger).status().message()), HasSubstr("no analyzer is named"));
  trigger.set_target_collector("binary-hasher");
  trigger.set_analysis_type(v1::ANALYSIS_TYPE_BINARY_HASH);
  EXPECT_TRUE(Create(trigger).ok());
}

TEST_F(ChainTest, AGatewayThatIsKilledInTheMiddleGoesOnAndRaisesTheAlertOnce) {
  FakeAnalyzerServer analyzer("binary-hasher");
  analyzer.AnswerWith([&](auto& context, const auto&, auto&) {
    analyzer.AwaitEnd(context);
    return grpc::Status::CANCELLED;
  });
  analyzer.Start(directory_.Socket("h"));
  StartChain();
  AwaitAnalyzer("binary-hasher");
  const auto suspect = StartSuspect();
  analyzer.AwaitRequests(1);
  const auto running = client_->Call<v1::ListExecutionsResponse>(
      std::string(kWorkflows) + "ListExecutions", v1::ListExecutionsRequest());
  ASSERT_TRUE(running.ok()) << running.status();
  ASSERT_EQ(running->executions_size(), 1);
  const std::string id = running->executions(0).id();
  gateway_->Kill();
  analyzer.AnswerWith(nullptr);
  StartAgain();
  const v1::WorkflowExecution execution = AwaitEnd(id);
  EXPECT_EQ(execution.status(), v1::EXECUTION_STATUS_COMPLETED) << execution.error();
  EXPECT_EQ(execution.resumed(), 1u);
  EXPECT_EQ(execution.target().pid(), static_cast<uint32_t>(suspect->pid()));
  // The suspect still runs, so another execution may have told of it first.
  EXPECT_EQ(AlertsOfTrigger("suspect").size(), 1u);
}

TEST_F(ChainTest, AnAnalyzerThatHangsLiesOrDiesEndsItsStageAndGivesItsPlaceBack) {
  FakeAnalyzerServer analyzer;
  analyzer.negotiation.mutable_limits()->set_max_concurrent(1);
  analyzer.Start(directory_.Socket("h"));
  StartChain();
  AwaitAnalyzer("hasher");
  struct Case {
    const char* what;
    FakeAnalyzerServer::Answer answer;
    v1::StageStatus status;
    const char* says;
  };
  const auto hang = [&](auto& context, const auto&, auto&) {
    analyzer.AwaitEnd(context);
    return grpc::Status::CANCELLED;
  };
  const auto result = [](auto change) {
    return [change](auto&, const auto&, v1::AnalyzeResponse& response) {
      response.mutable_result()->set_verdict(v1::ANALYSIS_VERDICT_CLEAN);
      change(*response.mutable_result());
      return grpc::Status::OK;
    };
  };
  const Case cases[] = {
      {"hangs", hang, v1::STAGE_STATUS_TIMED_OUT, "took longer"},
      {"is sure beyond measure", result([](auto& r) { r.set_confidence(7); }),
       v1::STAGE_STATUS_FAILED, "confidence"},
      {"has no verdict", result([](auto& r) { r.clear_verdict(); }), v1::STAGE_STATUS_FAILED,
       "verdict"},
      {"says too much", result([](auto& r) { r.set_summary(std::string(100'000, 'x')); }),
       v1::STAGE_STATUS_FAILED, "longer than"},
      {"knows no target",
       [](auto&, const auto&, auto&) {
         return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such target");
       },
       v1::STAGE_STATUS_FAILED, "NOT_FOUND"},
      {"answers at last", nullptr, v1::STAGE_STATUS_COMPLETED, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    analyzer.AnswerWith(c.answer);
    v1::ExecuteWorkflowRequest request = AskHasher();
    if (c.status == v1::STAGE_STATUS_TIMED_OUT) {
      request.mutable_workflow()->mutable_stages(0)->mutable_timeout()->set_seconds(1);
    }
    const auto started = Execute(request);
    ASSERT_TRUE(started.ok()) << started.status();
    const v1::WorkflowExecution ended = AwaitEnd(started->execution().id());
    EXPECT_EQ(ended.stages(0).status(), c.status) << ended.stages(0).error();
    EXPECT_THAT(ended.stages(0).error(), HasSubstr(c.says));
  }
}

TEST_F(ChainTest, TwoHundredAtOnceAllEndAndTheMoreUrgentComeFirst) {
  FakeAnalyzerServer analyzer;
  analyzer.negotiation.mutable_limits()->set_max_concurrent(1);
  base::Mutex mu;
  std::vector<v1::TriggerPriority> order;
  bool is_open = false;
  base::CondVar changed;
  analyzer.AnswerWith([&](auto&, const v1::AnalyzeRequest& request, auto& response) {
    base::MutexLock lock(mu);
    while (!is_open) changed.Wait(mu);
    order.push_back(request.priority());
    response.mutable_result()->set_verdict(v1::ANALYSIS_VERDICT_CLEAN);
    return grpc::Status::OK;
  });
  analyzer.Start(directory_.Socket("h"));
  StartChain();
  AwaitAnalyzer("hasher");
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i) {
    const auto started = Execute(AskHasher(static_cast<v1::TriggerPriority>(1 + i % 4)));
    ASSERT_TRUE(started.ok()) << started.status();
    ids.push_back(started->execution().id());
  }
  {
    base::MutexLock lock(mu);
    is_open = true;
    changed.NotifyAll();
  }
  for (const std::string& id : ids) {
    EXPECT_EQ(AwaitEnd(id).status(), v1::EXECUTION_STATUS_COMPLETED);
  }
  base::MutexLock lock(mu);
  ASSERT_EQ(order.size(), 200u);
  // 50 run; of the others no LOW begins before the last CRITICAL does.
  const auto last_critical =
      std::find(order.rbegin(), order.rend(), v1::TRIGGER_PRIORITY_CRITICAL).base();
  const auto low_before = std::count(order.begin(), last_critical, v1::TRIGGER_PRIORITY_LOW);
  EXPECT_LE(low_before, 13) << "only those that had a place before";
}

}  // namespace
}  // namespace daemoneye
