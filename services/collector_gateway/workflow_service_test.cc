#include "services/collector_gateway/workflow_service.h"

#include <grpcpp/grpcpp.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "libs/analysis/fake_stage_runner.h"
#include "libs/base/mutex.h"
#include "libs/rpc/status_conversion.h"
#include "libs/storage/fake_execution_store.h"
#include "libs/storage/sqlite/sqlite_store.h"

namespace daemoneye::gateway {
namespace {

using ::testing::HasSubstr;

constexpr char kUnknown[] = "00000000-0000-4000-8000-000000000001";

v1::Workflow Parse(const std::string& text) {
  v1::Workflow workflow;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &workflow)) << text;
  return workflow;
}

// Two stages, one after the other.
v1::Workflow Chain(const std::string& id) {
  return Parse("id: '" + id +
               "' stages { id: 'a' kind: WORKFLOW_STAGE_KIND_DETECTION } "
               "stages { id: 'b' kind: WORKFLOW_STAGE_KIND_ALERTING depends_on: 'a' }");
}

// What a gateway's process holds: over a store that outlives it.
struct Gateway {
  Gateway(storage::ExecutionStore& store, storage::AuditLog& audit, const std::string& address,
          analysis::WorkflowEngineOptions options = {})
      : engine(
            runner, &store, base::Clock::Real(),
            [this](const analysis::ExecutionPtr& execution) {
              const base::MutexLock lock(mu);
              ended.push_back(execution);
              changed.NotifyAll();
            },
            options),
        registry({.clock = base::Clock::Real(), .store = &store}),
        service({.registry = registry,
                 .engine = engine,
                 .clock = base::Clock::Real(),
                 .store = &store,
                 .audit = &audit}) {
    EXPECT_TRUE(registry.Load({}).ok());
    EXPECT_TRUE(engine.Recover().ok());
    engine.Start();
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
  }
  ~Gateway() {
    service.Drain();
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
    engine.Stop();
  }
  // The first execution that ended.
  analysis::ExecutionPtr AwaitEnd() {
    const base::MutexLock lock(mu);
    while (ended.empty()) changed.Wait(mu);
    return ended.front();
  }

  base::Mutex mu;
  base::CondVar changed;
  std::vector<analysis::ExecutionPtr> ended GUARDED_BY(mu);
  analysis::FakeStageRunner runner;
  analysis::WorkflowEngine engine;
  WorkflowRegistry registry;
  WorkflowService service;
  std::unique_ptr<grpc::Server> server;
};

class WorkflowServiceTest : public ::testing::Test {
 protected:
  WorkflowServiceTest() {
    char name[] = "/tmp/workflow_service.XXXXXX";  // a socket's path is bounded
    folder_ = ::mkdtemp(name);
    auto store = storage::SqliteStore::Open({.path = folder_ + "/db", .now = absl::Now()});
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    Start();
  }
  ~WorkflowServiceTest() override {
    gateway_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Start(analysis::WorkflowEngineOptions options = {}) {
    gateway_.reset();
    const std::string address = fmt::format("unix://{}/s{}", folder_, ++starts_);
    gateway_ = std::make_unique<Gateway>(store_->executions(), store_->audit(), address, options);
    stub_ = v1::WorkflowService::NewStub(
        grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  }
  // One call, its answer in `response`.
  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::WorkflowService::Stub::*method)(grpc::ClientContext*,
                                                                      const Request&, Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    return (stub_.get()->*method)(&context, request, &response);
  }
  grpc::Status Create(const v1::Workflow& workflow) {
    v1::CreateWorkflowRequest request;
    *request.mutable_workflow() = workflow;
    v1::CreateWorkflowResponse response;
    return Call(&v1::WorkflowService::Stub::CreateWorkflow, request, response);
  }
  static v1::ExecuteWorkflowRequest RequestFor(const std::string& workflow_id) {
    v1::ExecuteWorkflowRequest request;
    request.set_workflow_id(workflow_id);
    request.mutable_target()->set_pid(7);
    return request;
  }
  grpc::Status Execute(const v1::ExecuteWorkflowRequest& request, v1::WorkflowExecution& out) {
    v1::ExecuteWorkflowResponse response;
    const grpc::Status status =
        Call(&v1::WorkflowService::Stub::ExecuteWorkflow, request, response);
    out = response.execution();
    return status;
  }
  std::string Run(const std::string& workflow_id) {
    v1::WorkflowExecution execution;
    const grpc::Status status = Execute(RequestFor(workflow_id), execution);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return execution.id();
  }
  v1::WorkflowExecution Get(const std::string& id) {
    v1::GetExecutionRequest request;
    request.set_id(id);
    v1::GetExecutionResponse response;
    const grpc::Status status = Call(&v1::WorkflowService::Stub::GetExecution, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.execution();
  }
  v1::WorkflowExecution Cancel(const std::string& id, const std::string& reason = "enough") {
    v1::CancelExecutionRequest request;
    request.set_id(id);
    request.set_reason(reason);
    v1::CancelExecutionResponse response;
    const grpc::Status status =
        Call(&v1::WorkflowService::Stub::CancelExecution, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.execution();
  }
  // The last word on it.
  v1::WorkflowExecution WatchToItsEnd(const std::string& id) {
    grpc::ClientContext context;
    v1::WatchExecutionRequest request;
    request.set_id(id);
    const auto reader = stub_->WatchExecution(&context, request);
    v1::WatchExecutionResponse message;
    while (reader->Read(&message)) {
    }
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return message.execution();
  }
  void AnswerEverything() {
    gateway_->runner.AnswerWith([](const analysis::StageWork&) {
      return analysis::StageOutcome{.result = analysis::FakeResult(), .alert_ids = {}};
    });
  }

  std::string folder_;
  int starts_ = 0;
  std::unique_ptr<storage::SqliteStore> store_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<v1::WorkflowService::Stub> stub_;
};

TEST_F(WorkflowServiceTest, AWorkflowIsMadeRunWatchedListedAndDeleted) {
  ASSERT_TRUE(Create(Chain("w")).ok());
  EXPECT_EQ(Create(Chain("w")).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  v1::ExecuteWorkflowRequest request = RequestFor("w");
  request.set_correlation_id("c-1");
  v1::WorkflowExecution accepted;
  ASSERT_TRUE(Execute(request, accepted).ok());
  EXPECT_EQ(accepted.correlation_id(), "c-1");
  EXPECT_TRUE(store_->executions().Get(accepted.id()).ok()) << "kept before it was answered";
  EXPECT_EQ(gateway_->runner.Await(0).work.execution->target().pid(), 7u);
  gateway_->runner.End(0, analysis::FakeResult("a's"));
  gateway_->runner.End(1, analysis::FakeResult());
  const v1::WorkflowExecution ended = WatchToItsEnd(accepted.id());
  EXPECT_EQ(ended.status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_EQ(ended.stages(0).result().summary(), "a's");
  EXPECT_EQ(Get(accepted.id()).SerializeAsString(), ended.SerializeAsString());

  v1::ListExecutionsResponse executions;
  ASSERT_TRUE(
      Call(&v1::WorkflowService::Stub::ListExecutions, v1::ListExecutionsRequest(), executions)
          .ok());
  ASSERT_EQ(executions.executions_size(), 1);
  EXPECT_FALSE(executions.executions(0).has_workflow());
  v1::ListWorkflowsResponse workflows;
  ASSERT_TRUE(
      Call(&v1::WorkflowService::Stub::ListWorkflows, v1::ListWorkflowsRequest(), workflows).ok());
  ASSERT_EQ(workflows.workflows_size(), 1);
  v1::DeleteWorkflowRequest erase;
  erase.set_id("w");
  v1::DeleteWorkflowResponse erased;
  EXPECT_TRUE(Call(&v1::WorkflowService::Stub::DeleteWorkflow, erase, erased).ok());
  EXPECT_EQ(Call(&v1::WorkflowService::Stub::DeleteWorkflow, erase, erased).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(WorkflowServiceTest, EachOperateCallIsARowOfTheAudit) {
  ASSERT_TRUE(Create(Chain("w")).ok());
  const std::string id = Run("w");
  Cancel(id, "a false one");
  v1::WorkflowExecution none;
  EXPECT_EQ(Execute(RequestFor("none"), none).error_code(), grpc::StatusCode::NOT_FOUND);
  Get(id);  // no operate call
  const auto rows = *store_->audit().ReadAfter(0, 10);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].method, "/daemoneye.v1.WorkflowService/CreateWorkflow");
  EXPECT_EQ(rows[0].target, "w");
  EXPECT_EQ(rows[1].details, "execution " + id);
  EXPECT_EQ(rows[2].target, id);
  EXPECT_EQ(rows[2].details, "a false one");
  EXPECT_EQ(rows[3].outcome, "NOT_FOUND");
}

TEST_F(WorkflowServiceTest, AnInlineWorkflowIsCheckedAndRun) {
  v1::ExecuteWorkflowRequest request;
  *request.mutable_workflow() = Chain("");
  request.mutable_target()->set_path("/bin/sh");
  v1::WorkflowExecution execution;
  AnswerEverything();
  ASSERT_TRUE(Execute(request, execution).ok());
  EXPECT_EQ(WatchToItsEnd(execution.id()).status(), v1::EXECUTION_STATUS_COMPLETED);
  request.mutable_workflow()->mutable_stages(0)->add_depends_on("b");
  const grpc::Status status = Execute(request, execution);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("workflow.stages[0].depends_on: a cycle"));
}

TEST_F(WorkflowServiceTest, TwoHundredAtOnceAllRunFiftyAtATime) {
  ASSERT_TRUE(Create(Chain("w")).ok());
  struct Asked {
    grpc::ClientContext context;
    v1::ExecuteWorkflowResponse response;
  };
  std::vector<Asked> calls(200);
  const v1::ExecuteWorkflowRequest request = RequestFor("w");
  base::Mutex mu;
  base::CondVar changed;
  size_t accepted = 0;
  for (Asked& call : calls) {
    stub_->async()->ExecuteWorkflow(&call.context, &request, &call.response, [&](grpc::Status s) {
      EXPECT_TRUE(s.ok()) << s.error_message();
      const base::MutexLock lock(mu);
      ++accepted;
      changed.NotifyAll();
    });
  }
  {
    const base::MutexLock lock(mu);
    while (accepted < calls.size()) changed.Wait(mu);
  }
  EXPECT_EQ(gateway_->engine.statistics().running, 50u);
  EXPECT_EQ(gateway_->engine.statistics().pending, 150u);
  // Those whose first stage runs already are ended by hand, what comes next at once.
  AnswerEverything();
  for (size_t i = 0; i < 50; ++i) gateway_->runner.End(i, analysis::FakeResult());
  for (const Asked& call : calls) {
    ASSERT_EQ(WatchToItsEnd(call.response.execution().id()).status(),
              v1::EXECUTION_STATUS_COMPLETED);
  }
  EXPECT_EQ(gateway_->engine.statistics().running, 0u);
}

TEST_F(WorkflowServiceTest, WhatCannotBeKeptIsNotAcceptedAndDoesNotRun) {
  storage::FakeExecutionStore full;
  const std::string address = fmt::format("unix://{}/full", folder_);
  Gateway gateway(full, store_->audit(), address);
  stub_ = v1::WorkflowService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  ASSERT_TRUE(Create(Chain("w")).ok());
  full.FailWith(absl::ResourceExhaustedError("the disk is full"));
  v1::WorkflowExecution execution;
  const grpc::Status status = Execute(RequestFor("w"), execution);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("the disk is full"));
  EXPECT_EQ(gateway.AwaitEnd()->status(), v1::EXECUTION_STATUS_CANCELLED);
}

TEST_F(WorkflowServiceTest, TooManyThatWaitAreRefusedWithATimeToTryAgain) {
  Start({.max_running = 1, .max_pending = 10});
  ASSERT_TRUE(Create(Chain("w")).ok());
  grpc::Status status;
  v1::WorkflowExecution execution;
  int accepted = 0;
  while ((status = Execute(RequestFor("w"), execution)).ok()) ASSERT_LT(++accepted, 12);
  EXPECT_GE(accepted, 9);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(rpc::RetryDelay(rpc::FromGrpc(status)), absl::Seconds(1));
  // What matters more finds a place.
  v1::ExecuteWorkflowRequest critical = RequestFor("w");
  critical.set_priority(v1::TRIGGER_PRIORITY_CRITICAL);
  EXPECT_TRUE(Execute(critical, execution).ok());
}

TEST_F(WorkflowServiceTest, CancelInEachState) {
  Start({.max_running = 1});
  ASSERT_TRUE(Create(Chain("w")).ok());
  const std::string running = Run("w");
  gateway_->runner.Await(0);
  const std::string pending = Run("w");
  EXPECT_EQ(Cancel(pending).status(), v1::EXECUTION_STATUS_CANCELLED);
  const v1::WorkflowExecution cancelled = Cancel(running, "enough");
  EXPECT_EQ(cancelled.status(), v1::EXECUTION_STATUS_CANCELLED);
  EXPECT_EQ(cancelled.error(), "enough");
  EXPECT_EQ(cancelled.stages(0).status(), v1::STAGE_STATUS_CANCELLED);
  EXPECT_EQ(gateway_->runner.cancelled(), 1u);
  // One that has ended stays as it is.
  EXPECT_EQ(Cancel(running, "again").error(), "enough");
  AnswerEverything();
  const std::string completed = Run("w");
  WatchToItsEnd(completed);
  EXPECT_EQ(Cancel(completed).status(), v1::EXECUTION_STATUS_COMPLETED);
  // A stage that waits for room.
  gateway_->runner.AnswerWith({});
  gateway_->runner.SetRoom(0);
  EXPECT_EQ(Cancel(Run("w")).status(), v1::EXECUTION_STATUS_CANCELLED);
  v1::CancelExecutionRequest request;
  request.set_id(kUnknown);
  v1::CancelExecutionResponse response;
  EXPECT_EQ(Call(&v1::WorkflowService::Stub::CancelExecution, request, response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(WorkflowServiceTest, AHundredWatchAndOneThatNeverReadsCostsNobody) {
  ASSERT_TRUE(Create(Chain("w")).ok());
  const std::string id = Run("w");
  v1::WatchExecutionRequest request;
  request.set_id(id);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::WatchExecutionResponse>>> readers;
  v1::WatchExecutionResponse message;
  for (size_t i = 0; i < WorkflowService::kMaxStreams; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(stub_->WatchExecution(contexts.back().get(), request));
    if (i == 0) continue;  // never reads
    ASSERT_TRUE(readers.back()->Read(&message)) << i;
  }
  {
    grpc::ClientContext context;
    const auto one_more = stub_->WatchExecution(&context, request);
    EXPECT_FALSE(one_more->Read(&message));
    EXPECT_EQ(one_more->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  gateway_->runner.End(0, analysis::FakeResult());
  gateway_->runner.End(1, analysis::FakeResult());
  for (size_t i = 1; i < readers.size(); ++i) {
    while (readers[i]->Read(&message)) {
    }
    EXPECT_TRUE(readers[i]->Finish().ok());
    EXPECT_EQ(message.execution().status(), v1::EXECUTION_STATUS_COMPLETED);
  }
  contexts[0]->TryCancel();
  readers[0]->Finish();
  EXPECT_EQ(WatchToItsEnd(id).status(), v1::EXECUTION_STATUS_COMPLETED) << "there is room again";
}

TEST_F(WorkflowServiceTest, ARestartInTheMiddleGoesOnWithWhatWasAccepted) {
  ASSERT_TRUE(Create(Chain("w")).ok());
  const std::string id = Run("w");
  gateway_->runner.End(0, analysis::FakeResult("before"));
  gateway_->runner.Await(1);
  grpc::ClientContext context;
  v1::WatchExecutionRequest request;
  request.set_id(id);
  const auto reader = stub_->WatchExecution(&context, request);
  v1::WatchExecutionResponse message;
  ASSERT_TRUE(reader->Read(&message));
  gateway_.reset();
  while (reader->Read(&message)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);

  Start();
  AnswerEverything();
  gateway_->runner.End(0, analysis::FakeResult());
  const v1::WorkflowExecution ended = WatchToItsEnd(id);
  EXPECT_EQ(ended.status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_EQ(ended.resumed(), 1u);
  EXPECT_EQ(ended.stages(0).result().summary(), "before");
  EXPECT_NE(gateway_->registry.Find("w"), nullptr);
}

TEST_F(WorkflowServiceTest, BadRequestsAreNamedAndDrainedOnesUnavailable) {
  v1::GetExecutionResponse got;
  v1::GetExecutionRequest get;
  get.set_id("x");
  EXPECT_EQ(Call(&v1::WorkflowService::Stub::GetExecution, get, got).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  get.set_id(kUnknown);
  EXPECT_EQ(Call(&v1::WorkflowService::Stub::GetExecution, get, got).error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::Workflow large = Chain("l");
  large.set_description(std::string(300 << 10, 'x'));
  EXPECT_EQ(Create(large).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext context;
  v1::WatchExecutionRequest watch;
  watch.set_id(kUnknown);
  const auto reader = stub_->WatchExecution(&context, watch);
  v1::WatchExecutionResponse message;
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  gateway_->service.Drain();
  EXPECT_EQ(Create(Chain("w")).error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace daemoneye::gateway
