#include "services/collector_gateway/workflow_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"
#include "google/protobuf/text_format.h"
#include "libs/base/fake_clock.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

constexpr char kKey[] = "0123456789abcdef-4026531836-42-1000";

TEST(WorkflowRequestsTest, WhatIsWrongWithARequestToRunIsNamed) {
  const std::pair<std::string, const char*> cases[] = {
      {"target { pid: 1 }", "definition: "},
      {"workflow_id: '' target { pid: 1 }", "workflow_id: is needed"},
      {"workflow_id: '" + std::string(129, 'x') + "' target { pid: 1 }", "workflow_id: 129 bytes"},
      {"workflow_id: 'a'", "target: needs one of"},
      {"workflow_id: 'a' target { host: 'h' }", "target: needs one of"},
      {"workflow_id: 'a' target { pid: 0 }", "target.pid: "},
      {"workflow_id: 'a' target { path: 'bin/sh' }", "target.path: must be absolute"},
      {"workflow_id: 'a' target { path: '/a/../b' }", "target.path: must not have \"..\""},
      {"workflow_id: 'a' target { path: '/a/..' }", "target.path: must not have \"..\""},
      {"workflow_id: 'a' target { path: '/a\\000b' }", "target.path: has a zero byte"},
      {"workflow_id: 'a' target { path: '/" + std::string(4'096, 'x') + "' }",
       "target.path: longer"},
      {"workflow_id: 'a' target { process_key: '42' }", "target.process_key: is no process_key"},
      {"workflow_id: 'a' target { pid: 1 } correlation_id: '" + std::string(257, 'x') + "'",
       "correlation_id: 257 bytes"},
  };
  for (const auto& [text, error] : cases) {
    const absl::Status status = Validate(Parse<v1::ExecuteWorkflowRequest>(text));
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), StartsWith(error)) << text;
  }
  auto request = Parse<v1::ExecuteWorkflowRequest>("workflow_id: 'a' target { pid: 1 }");
  request.set_priority(static_cast<v1::TriggerPriority>(9));
  EXPECT_THAT(std::string(Validate(request).message()), StartsWith("priority: "));
  for (const std::string& good : {std::string("pid: 1"), fmt::format("process_key: '{}'", kKey),
                                  std::string("path: '/usr/bin/..sh' host: 'h'")}) {
    EXPECT_TRUE(
        Validate(Parse<v1::ExecuteWorkflowRequest>("workflow_id: 'a' target { " + good + " }"))
            .ok())
        << good;
  }
}

TEST(WorkflowRequestsTest, WhatIsWrongWithTheOthersIsNamed) {
  const std::string long_text(513, 'x');
  const std::string id = "00000000-0000-4000-8000-000000000001";
  const std::pair<absl::Status, const char*> cases[] = {
      {Validate(v1::CreateWorkflowRequest()), "workflow: "},
      {Validate(Parse<v1::ListWorkflowsRequest>("page_size: -1")), "page_size: "},
      {Validate(Parse<v1::ListWorkflowsRequest>("page_token: '" + long_text + "'")),
       "page_token: "},
      {Validate(v1::DeleteWorkflowRequest()), "id: "},
      {Validate(Parse<v1::GetExecutionRequest>("id: 'x'")), "id: is no execution's id"},
      {Validate(Parse<v1::WatchExecutionRequest>("id: ''")), "id: is no execution's id"},
      {Validate(Parse<v1::CancelExecutionRequest>("id: 'x'")), "id: is no execution's id"},
      {Validate(Parse<v1::CancelExecutionRequest>("id: '" + id + "' reason: '" + long_text + "'")),
       "reason: "},
      {Validate(Parse<v1::ListExecutionsRequest>("page_size: -1")), "page_size: "},
      {Validate(Parse<v1::ListExecutionsRequest>("workflow_id: '" + long_text + "'")),
       "workflow_id: "},
      {Validate(Parse<v1::ListExecutionsRequest>("statuses: EXECUTION_STATUS_UNSPECIFIED")),
       "statuses[0]: "},
  };
  for (const auto& [status, error] : cases) {
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << error;
    EXPECT_THAT(std::string(status.message()), StartsWith(error));
  }
}

class MakeExecutionTest : public ::testing::Test {
 protected:
  MakeExecutionTest() { EXPECT_TRUE(registry_.Create(OneStage("stored")).ok()); }
  static v1::Workflow OneStage(const std::string& id) {
    return Parse<v1::Workflow>("id: '" + id +
                               "' stages { id: 'a' kind: WORKFLOW_STAGE_KIND_ALERTING }");
  }
  base::FakeClock clock_;
  WorkflowRegistry registry_{{.clock = clock_}};
};

TEST_F(MakeExecutionTest, OfAStoredWorkflow) {
  auto request = Parse<v1::ExecuteWorkflowRequest>(
      "workflow_id: 'stored' target { pid: 7 host: 'h' } priority: TRIGGER_PRIORITY_HIGH "
      "correlation_id: 'c'");
  const v1::WorkflowExecution execution = MakeExecution(registry_, request).value();
  EXPECT_EQ(execution.workflow_id(), "stored");
  EXPECT_EQ(execution.workflow().stages_size(), 1);
  EXPECT_EQ(execution.target().pid(), 7u);
  EXPECT_EQ(execution.priority(), v1::TRIGGER_PRIORITY_HIGH);
  EXPECT_EQ(execution.correlation_id(), "c");
  request.clear_correlation_id();
  EXPECT_FALSE(MakeExecution(registry_, request)->correlation_id().empty());
  request.set_workflow_id("none");
  EXPECT_TRUE(absl::IsNotFound(MakeExecution(registry_, request).status()));
}

TEST_F(MakeExecutionTest, OfOneThatIsNotStored) {
  v1::ExecuteWorkflowRequest request;
  *request.mutable_workflow() = OneStage("");
  request.mutable_workflow()->set_managed_by(v1::TRIGGER_MANAGER_FILE);
  request.mutable_target()->set_path("/bin/sh");
  const v1::WorkflowExecution execution = MakeExecution(registry_, request).value();
  EXPECT_EQ(execution.workflow_id(), "");
  EXPECT_EQ(execution.workflow().managed_by(), v1::TRIGGER_MANAGER_UNSPECIFIED);
  request.mutable_workflow()->mutable_stages(0)->add_depends_on("b");
  EXPECT_THAT(MakeExecution(registry_, request).status().message(),
              HasSubstr("workflow.stages[0].depends_on[0]: "));
}

TEST_F(MakeExecutionTest, ListsWorkflowsPageByPage) {
  for (const char* id : {"b", "a", "c"}) ASSERT_TRUE(registry_.Create(OneStage(id)).ok());
  v1::ListWorkflowsRequest request;
  request.set_page_size(3);
  std::vector<std::string> ids;
  do {
    v1::ListWorkflowsResponse page;
    ListWorkflows(registry_, request, page);
    for (const v1::Workflow& workflow : page.workflows()) ids.push_back(workflow.id());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(ids, ElementsAre("a", "b", "c", "stored"));
}

}  // namespace
}  // namespace daemoneye::gateway
