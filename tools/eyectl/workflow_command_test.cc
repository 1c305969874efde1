// The real binary against a WorkflowService whose answers are written down.

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/grpcpp.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "daemoneye/v1/workflow_service.grpc.pb.h"
#include "libs/base/mutex.h"
#include "tools/eyectl/running_eyectl.h"

namespace daemoneye::eyectl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kId[] = "f0000000-0000-4000-8000-000000000001";

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

const char kFields[] = R"(
    id: "f0000000-0000-4000-8000-000000000001" workflow_id: "investigate" correlation_id: "c-1"
    target { pid: 7 path: "/tmp/x\x1b[2J" host: "web1" } created_at { seconds: 1700000000 } )";

// The states of an execution, of which the last is as it ended.
std::vector<v1::WorkflowExecution> States(const std::string& last_status) {
  std::vector<v1::WorkflowExecution> states;
  states.push_back(Parse<v1::WorkflowExecution>(std::string(kFields) + R"(
      status: EXECUTION_STATUS_PENDING revision: 1
      stages { stage_id: "hash" status: STAGE_STATUS_PENDING }
      stages { stage_id: "alert" status: STAGE_STATUS_PENDING })"));
  states.push_back(Parse<v1::WorkflowExecution>(std::string(kFields) + R"(
      status: EXECUTION_STATUS_RUNNING revision: 2
      stages { stage_id: "hash" status: STAGE_STATUS_QUEUED attempts: 1 error: "no\x1b room" }
      stages { stage_id: "alert" status: STAGE_STATUS_PENDING })"));
  states.push_back(Parse<v1::WorkflowExecution>(std::string(kFields) + R"(
      revision: 3 progress: 1 started_at { seconds: 1700000000 } ended_at { seconds: 1700000002 }
      stages { stage_id: "hash" status: STAGE_STATUS_COMPLETED attempts: 2
               started_at { seconds: 1700000000 } ended_at { seconds: 1700000001 nanos: 500000000 }
               result { verdict: ANALYSIS_VERDICT_SUSPICIOUS confidence: 0.75 authoritative: true
                        summary: "not the \x1b[31mone" } }
      stages { stage_id: "alert" status: STAGE_STATUS_FAILED attempts: 1 error: "full" }
      completeness { reasons: "gap on h2" } status: )" +
                                                last_status));
  return states;
}

class FakeWorkflows final : public v1::WorkflowService::Service,
                            public v1::GatewayService::Service {
 public:
  FakeWorkflows() {
    char name[] = "/tmp/eyectl_test.XXXXXX";  // a socket's path is bounded
    folder_ = ::mkdtemp(name);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
    builder.RegisterService(static_cast<v1::WorkflowService::Service*>(this));
    builder.RegisterService(static_cast<v1::GatewayService::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeWorkflows() override {
    server_->Shutdown(std::chrono::system_clock::now());
    std::filesystem::remove_all(folder_);
  }
  std::string address() const { return "unix://" + folder_ + "/s"; }
  std::string asked() const {
    const base::MutexLock lock(mu_);
    return asked_;
  }
  // Before anything is asked.
  std::string last_status = "EXECUTION_STATUS_COMPLETED";
  bool breaks = false;
  bool hangs = false;

  grpc::Status CreateWorkflow(grpc::ServerContext*, const v1::CreateWorkflowRequest* request,
                              v1::CreateWorkflowResponse* response) override {
    Note(*request);
    *response->mutable_workflow() = request->workflow();
    return grpc::Status::OK;
  }
  grpc::Status ListWorkflows(grpc::ServerContext*, const v1::ListWorkflowsRequest* request,
                             v1::ListWorkflowsResponse* response) override {
    const bool is_first = request->page_token().empty();
    *response->add_workflows() = Parse<v1::Workflow>(
        std::string(is_first ? "id: 'investigate'" : "id: 'mine'") +
        R"( description: "What\x1b[2J it is" managed_by: TRIGGER_MANAGER_FILE timeout { seconds: 600 }
          stages { id: "hash" kind: WORKFLOW_STAGE_KIND_ANALYSIS analyzer: "binary-hasher"
                   analysis_type: ANALYSIS_TYPE_BINARY_HASH optional: true }
          stages { id: "alert" kind: WORKFLOW_STAGE_KIND_ALERTING depends_on: "hash" })");
    if (is_first) response->set_next_page_token("investigate");
    return grpc::Status::OK;
  }
  grpc::Status DeleteWorkflow(grpc::ServerContext*, const v1::DeleteWorkflowRequest* request,
                              v1::DeleteWorkflowResponse*) override {
    Note(*request);
    if (request->id() == "mine") return grpc::Status::OK;
    return {grpc::StatusCode::FAILED_PRECONDITION, "trigger t names it"};
  }
  grpc::Status ExecuteWorkflow(grpc::ServerContext*, const v1::ExecuteWorkflowRequest* request,
                               v1::ExecuteWorkflowResponse* response) override {
    Note(*request);
    *response->mutable_execution() = States(last_status)[0];
    return grpc::Status::OK;
  }
  grpc::Status GetExecution(grpc::ServerContext*, const v1::GetExecutionRequest*,
                            v1::GetExecutionResponse* response) override {
    *response->mutable_execution() = States(last_status).back();
    return grpc::Status::OK;
  }
  grpc::Status ListExecutions(grpc::ServerContext*, const v1::ListExecutionsRequest* request,
                              v1::ListExecutionsResponse* response) override {
    Note(*request);
    *response->add_executions() = States(last_status).back();
    response->set_next_page_token("more");
    return grpc::Status::OK;
  }
  grpc::Status CancelExecution(grpc::ServerContext*, const v1::CancelExecutionRequest* request,
                               v1::CancelExecutionResponse* response) override {
    Note(*request);
    *response->mutable_execution() = States("EXECUTION_STATUS_CANCELLED").back();
    return grpc::Status::OK;
  }
  grpc::Status WatchExecution(grpc::ServerContext* context, const v1::WatchExecutionRequest*,
                              grpc::ServerWriter<v1::WatchExecutionResponse>* writer) override {
    std::vector<v1::WorkflowExecution> states = States(last_status);
    if (breaks || hangs) states.pop_back();
    v1::WatchExecutionResponse message;
    for (const v1::WorkflowExecution& state : states) {
      *message.mutable_execution() = state;
      writer->Write(message);
    }
    while (hangs && !context->IsCancelled()) writer->Write(message);
    if (breaks) return {grpc::StatusCode::UNAVAILABLE, "going down"};
    return grpc::Status::OK;
  }
  grpc::Status ListAnalyzers(grpc::ServerContext*, const v1::ListAnalyzersRequest* request,
                             v1::ListAnalyzersResponse* response) override {
    const bool is_first = request->page_token().empty();
    *response->add_analyzers() = Parse<v1::AnalyzerLink>(
        is_first ? R"(name: "behavioural" analysis_types: ANALYSIS_TYPE_BEHAVIORAL_ANALYSIS)"
                 : R"(name: "binary-hasher" address: "unix:/h" host: "web1" problem: "away\x1b[2J"
                      analysis_types: ANALYSIS_TYPE_BINARY_HASH analysis_types: ANALYSIS_TYPE_CUSTOM
                      custom_types: "entropy" under_way: 3 answers { key: "OK" value: 5 }
                      answers { key: "NOT_FOUND" value: 1 }
                      limits { max_concurrent: 10 max_rate_per_minute: 60 max_target_bytes: 1048576
                               max_duration { seconds: 10 } })");
    if (is_first) response->set_next_page_token("1");
    return grpc::Status::OK;
  }

 private:
  void Note(const google::protobuf::Message& request) {
    const base::MutexLock lock(mu_);
    asked_ = request.ShortDebugString();
  }

  std::string folder_;
  mutable base::Mutex mu_;
  std::string asked_ GUARDED_BY(mu_);
  std::unique_ptr<grpc::Server> server_;
};

class WorkflowTest : public ::testing::Test {
 protected:
  Ended Ask(std::vector<std::string> args) {
    args.push_back("--address=" + server_.address());
    return RunEyectlBinary(args);
  }
  static std::string File(const std::string& text) {
    std::string path = ::testing::TempDir() + "/workflow.yaml";
    std::ofstream(path) << text;
    return path;
  }
  FakeWorkflows server_;
};

TEST_F(WorkflowTest, ListsAndShowsWorkflows) {
  const Ended list = Ask({"workflow", "list"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_EQ(list.out,
            "WORKFLOW     BY    STAGES      DESCRIPTION\n"
            "investigate  FILE  hash,alert  What\\x1b[2J it is\n"
            "mine         FILE  hash,alert  What\\x1b[2J it is\n");
  const Ended show = Ask({"workflow", "show", "mine"});
  EXPECT_EQ(show.code, 0) << show.err;
  EXPECT_THAT(show.out, AllOf(HasSubstr("timeout     10m"),
                              HasSubstr("hash   ANALYSIS  -          binary-hasher BINARY_HASH"),
                              HasSubstr("alert  ALERTING  hash       -")));
  EXPECT_EQ(nlohmann::json::parse(Ask({"workflow", "list", "--json"}).out)["workflows"].size(), 2u);
  const Ended none = Ask({"workflow", "show", "none"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("there is no workflow none"));
}

TEST_F(WorkflowTest, RunsAndSaysWhatItStarted) {
  const Ended ended = Ask({"workflow", "run", "investigate", "--pid=7", "--path=/tmp/x",
                           "--host=web1", "--key=k", "--priority=critical", "--correlation=c-1"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "execution " + std::string(kId) + " is PENDING\n");
  EXPECT_EQ(server_.asked(),
            Parse<v1::ExecuteWorkflowRequest>(
                "workflow_id: 'investigate' target { process_key: 'k' pid: 7 path: '/tmp/x' "
                "host: 'web1' } priority: TRIGGER_PRIORITY_CRITICAL correlation_id: 'c-1'")
                .ShortDebugString());
}

TEST_F(WorkflowTest, RunsAFilesWorkflow) {
  const std::string path = File(
      "workflows:\n- {id: a, stages: [{id: x, kind: ALERTING}]}\n"
      "- {id: b, stages: [{id: y, kind: ALERTING}]}\n");
  const Ended two = Ask({"workflow", "run", "--file=" + path, "--pid=7"});
  EXPECT_EQ(two.code, 1);
  EXPECT_THAT(two.err, HasSubstr("holds 2 workflows: --id names one"));
  ASSERT_EQ(Ask({"workflow", "run", "--file=" + path, "--id=b", "--pid=7"}).code, 0);
  EXPECT_THAT(server_.asked(), HasSubstr("workflow { id: \"b\""));
  const Ended bad = Ask({"workflow", "run", "--file=" + File("stagges: []"), "--pid=7"});
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.err, HasSubstr("stagges: unknown field (did you mean stages?)"));
}

TEST_F(WorkflowTest, WatchesALineAChangeWhereThereIsNoTerminal) {
  const Ended ended = Ask({"workflow", "run", "investigate", "--pid=7", "--watch"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const size_t block = ended.out.find("    target");
  EXPECT_EQ(ended.out.substr(0, ended.out.find("    STAGE")).substr(0, block),
            "execution " + std::string(kId) +
                " of investigate: PENDING, 0 of 2 stages have ended\n"
                "hash QUEUED: no\\x1b room\n"
                "execution " +
                kId +
                " of investigate: RUNNING, 0 of 2 stages have ended\n"
                "hash COMPLETED, attempt 2, SUSPICIOUS 75%: not the \\x1b[31mone\n"
                "alert FAILED: full\n"
                "execution " +
                kId + " of investigate: COMPLETED, 2 of 2 stages have ended\n");
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("target      pid 7, /tmp/x\\x1b[2J, on web1\n"),
                    HasSubstr("took        2.000s\n"),
                    HasSubstr("STAGE  STATUS     ATTEMPTS  TOOK    VERDICT         SUMMARY\n"),
                    HasSubstr("hash   COMPLETED  2         1.500s  SUSPICIOUS 75%  not the"),
                    HasSubstr("alert  FAILED     1         -       -               full\n"),
                    HasSubstr("incomplete  gap on h2\n"), Not(HasSubstr("\x1b"))));
}

TEST_F(WorkflowTest, TheExitCodeSaysWhetherItCompleted) {
  for (const char* status :
       {"EXECUTION_STATUS_FAILED", "EXECUTION_STATUS_CANCELLED", "EXECUTION_STATUS_TIMED_OUT"}) {
    server_.last_status = status;
    EXPECT_EQ(Ask({"workflow", "watch", kId}).code, 1) << status;
  }
  server_.last_status = "EXECUTION_STATUS_COMPLETED";
  EXPECT_EQ(Ask({"workflow", "watch", kId}).code, 0);
  server_.breaks = true;
  const Ended broken = Ask({"workflow", "watch", kId});
  EXPECT_EQ(broken.code, 1);
  EXPECT_THAT(broken.err, AllOf(HasSubstr("eyectl workflow watch " + std::string(kId)),
                                HasSubstr("going down")));
}

TEST_F(WorkflowTest, CtrlCEndsAWatchAndLeavesTheExecutionAlone) {
  server_.hangs = true;
  RunningEyectl eyectl({"workflow", "watch", kId, "--address=" + server_.address()});
  EXPECT_THAT(eyectl.ReadLine(), HasSubstr("PENDING"));
  eyectl.Signal(SIGINT);
  EXPECT_EQ(eyectl.Wait().code, 130);
  EXPECT_THAT(server_.asked(), IsEmpty()) << "no cancel";
}

TEST_F(WorkflowTest, JsonIsALineAState) {
  const Ended ended = Ask({"workflow", "watch", kId, "--json"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  std::istringstream lines(ended.out);
  std::vector<std::string> statuses;
  for (std::string line; std::getline(lines, line);) {
    statuses.push_back(nlohmann::json::parse(line)["status"]);
  }
  EXPECT_THAT(statuses,
              ::testing::ElementsAre("EXECUTION_STATUS_PENDING", "EXECUTION_STATUS_RUNNING",
                                     "EXECUTION_STATUS_COMPLETED"));
}

TEST_F(WorkflowTest, ShowsListsAndCancelsExecutions) {
  const Ended show = Ask({"workflow", "show", kId});
  EXPECT_EQ(show.code, 0) << show.err;
  EXPECT_THAT(show.out, HasSubstr("SUSPICIOUS 75%"));
  const Ended list = Ask({"workflow", "executions", "--workflow=investigate", "--status=failed",
                          "--status=timed_out", "--limit=3"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_EQ(std::ranges::count(list.out, '\n'), 4);
  EXPECT_THAT(list.out, HasSubstr("investigate  COMPLETED  100%  2.000s  pid 7"));
  EXPECT_EQ(server_.asked(),
            Parse<v1::ListExecutionsRequest>(
                "workflow_id: 'investigate' statuses: EXECUTION_STATUS_FAILED "
                "statuses: EXECUTION_STATUS_TIMED_OUT page_size: 1 page_token: 'more'")
                .ShortDebugString());
  const Ended cancel = Ask({"workflow", "cancel", kId, "--reason=a false one"});
  EXPECT_EQ(cancel.code, 0) << cancel.err;
  EXPECT_THAT(cancel.out, HasSubstr("CANCELLED"));
  EXPECT_EQ(server_.asked(), "id: \"" + std::string(kId) + "\" reason: \"a false one\"");
}

TEST_F(WorkflowTest, CreatesAndDeletes) {
  const std::string path = File("{id: mine, stages: [{id: x, kind: ALERTING}]}");
  EXPECT_EQ(Ask({"workflow", "create", path}).out, "created mine\n");
  EXPECT_THAT(server_.asked(), HasSubstr("workflow { id: \"mine\""));
  EXPECT_EQ(Ask({"workflow", "delete", "mine"}).out, "deleted mine\n");
  const Ended refused = Ask({"workflow", "delete", "other"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("trigger t names it"));
}

TEST_F(WorkflowTest, ListsAnalyzers) {
  const Ended ended = Ask({"analyzers"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out,
            "ANALYZER       ADDRESS   HOST  ANALYSES             LIMITS                          "
            "UNDER WAY  ANSWERS            PROBLEM\n"
            "behavioural    built in  any   BEHAVIORAL_ANALYSIS  -                               "
            "0          -                  -\n"
            "binary-hasher  unix:/h   web1  BINARY_HASH,entropy  10 at once, 60/min, 1 MiB, 10s  "
            "3          1 NOT_FOUND, 5 OK  away\\x1b[2J\n");
  EXPECT_EQ(nlohmann::json::parse(Ask({"analyzers", "--json"}).out)["analyzers"].size(), 2u);
}

TEST_F(WorkflowTest, WrongUsageIsTwo) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{},
                                               {"lst"},
                                               {"show"},
                                               {"run"},
                                               {"run", "a"},
                                               {"run", "a", "--file=f", "--pid=1"},
                                               {"run", "a", "--pid=0"},
                                               {"run", "a", "--pid=x"},
                                               {"run", "a", "--host=h"},
                                               {"run", "a", "--pid=1", "--priority=urgent"},
                                               {"watch"},
                                               {"executions", "--status=unspecified"},
                                               {"delete", "a", "b"}}) {
    std::vector<std::string> all = {"workflow"};
    all.insert(all.end(), args.begin(), args.end());
    const Ended ended = Ask(all);
    EXPECT_EQ(ended.code, 2) << (args.empty() ? "" : args.back());
    EXPECT_THAT(ended.err, Not(IsEmpty()));
  }
}

}  // namespace
}  // namespace daemoneye::eyectl
