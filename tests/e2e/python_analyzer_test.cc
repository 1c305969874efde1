// An analyzer that this suite did not build: the example in Python, asked by a real gateway.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "daemoneye/v1/workflow_service.pb.h"
#include "fmt/format.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/e2e/triggers_fixture.h"

namespace daemoneye {
namespace {

using procfs::TestChild;
using ::testing::HasSubstr;
using testing_support::ChildProcess;
using testing_support::RunToEnd;

constexpr char kPython[] = "/usr/bin/python3";
constexpr char kNoPythonGrpc[] =
    "/usr/bin/python3 has no grpc: apt-get install python3-grpcio python3-protobuf";
constexpr char kFolder[] = "tests/example_analyzer";
constexpr char kWorkflows[] = "/daemoneye.v1.WorkflowService/";

class PythonAnalyzerTest : public testing_support::TriggersFixture {
 protected:
  static bool HasPythonGrpc() {
    return RunToEnd({.argv = {kPython, "-c", "import grpc, google.protobuf"},
                     .environment = {},
                     .user = {}})
               .code == 0;
  }
  std::unique_ptr<ChildProcess> StartAnalyzer() const {
    auto analyzer = std::make_unique<ChildProcess>(testing_support::ChildSpec{
        .argv = {kPython, fmt::format("{}/deleted_files.py", kFolder), directory_.Socket("a")},
        .environment = {fmt::format("PYTHONPATH={}:{}", directory_.File("stubs"), kFolder),
                        "PYTHONDONTWRITEBYTECODE=1"},
        .user = {}});
    EXPECT_TRUE(analyzer->AwaitLine({"listening"}).has_value()) << analyzer->output();
    return analyzer;
  }
  // One stage about `target`, to its end.
  v1::WorkflowExecution Run(const v1::AnalysisTarget& target) const {
    v1::ExecuteWorkflowRequest request;
    *request.mutable_target() = target;
    request.mutable_workflow()->set_id("look");
    v1::WorkflowStage& stage = *request.mutable_workflow()->add_stages();
    stage.set_id("files");
    stage.set_kind(v1::WORKFLOW_STAGE_KIND_ANALYSIS);
    stage.set_analyzer("deleted-files");
    stage.set_analysis_type(v1::ANALYSIS_TYPE_CUSTOM);
    stage.set_custom_type("deleted-files");
    const auto begun = operator_->Call<v1::ExecuteWorkflowResponse>(
        std::string(kWorkflows) + "ExecuteWorkflow", request);
    EXPECT_TRUE(begun.ok()) << begun.status();
    v1::WorkflowExecution execution;
    if (!begun.ok()) return execution;
    v1::GetExecutionRequest ask;
    ask.set_id(begun->execution().id());
    Until([&] {
      const auto now =
          client_->Call<v1::GetExecutionResponse>(std::string(kWorkflows) + "GetExecution", ask);
      if (now.ok()) execution = now->execution();
      return execution.status() > v1::EXECUTION_STATUS_RUNNING;
    });
    return execution;
  }
};

TEST_F(PythonAnalyzerTest, IsListedAskedAndAnswersAboutTheProcessThatIsMeant) {
  if (!HasPythonGrpc()) GTEST_SKIP() << kNoPythonGrpc;
  const auto stubs = RunToEnd(
      {.argv = {"/bin/bash", fmt::format("{}/make_stubs.sh", kFolder), directory_.File("stubs")},
       .environment = {},
       .user = {}});
  ASSERT_EQ(stubs.code, 0) << stubs.output;
  const auto analyzer = StartAnalyzer();
  procmond_ = std::make_unique<testing_support::Server>(
      testing_support::kProcmond, directory_.Socket("p"), std::vector<std::string>{"--interval=5"});
  procmond_->Ready();
  StartGateway(directory_.Socket("p"), "", {"--analyzers=" + directory_.Socket("a")});
  v1::ListAnalyzersResponse listed;
  const auto is_there = [&] {
    const auto answer = client_->Call<v1::ListAnalyzersResponse>(
        "/daemoneye.v1.GatewayService/ListAnalyzers", v1::ListAnalyzersRequest());
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (answer.ok()) listed = *answer;
    for (const v1::AnalyzerLink& link : listed.analyzers()) {
      if (link.name() == "deleted-files" && link.problem().empty()) return true;
    }
    return !answer.ok();
  };
  Until(is_there);

  const TestChild child(TestChild::ProgramPath(), {"name=deleted-files"});
  v1::AnalysisTarget target;
  target.set_pid(static_cast<uint32_t>(child.pid()));
  const v1::WorkflowExecution done = Run(target);
  ASSERT_EQ(done.status(), v1::EXECUTION_STATUS_COMPLETED) << done.ShortDebugString();
  const v1::AnalysisResult& result = done.stages(0).result();
  EXPECT_EQ(result.verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);
  EXPECT_TRUE(result.authoritative());
  EXPECT_THAT(result.result().fields().at("executable").string_value(),
              HasSubstr("test_child_main"));
  // A process that is not there.
  target.set_pid((1 << 22) + 1);
  const v1::WorkflowExecution failed = Run(target);
  EXPECT_EQ(failed.status(), v1::EXECUTION_STATUS_FAILED) << failed.ShortDebugString();
  EXPECT_THAT(failed.stages(0).error(), HasSubstr("no such process"));
}

}  // namespace
}  // namespace daemoneye
