// Workflows of the real gateway: what a stage costs beside its analyzer, how soon an alert is there
// that went through the whole chain, and what a thousand executions leave behind.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemoneye/v1/analyzer_service.grpc.pb.h"
#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "daemoneye/v1/workflow_service.grpc.pb.h"
#include "fmt/format.h"
#include "tools/bench/bench_gateway.h"

namespace daemoneye::bench {
namespace {

constexpr double kMiB = 1 << 20;
constexpr char kEmptyAnalyzer[] = "empty";

// Answers at once.
class EmptyAnalyzer final : public v1::AnalyzerService::Service {
 public:
  explicit EmptyAnalyzer(const std::string& path) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

 private:
  grpc::Status NegotiateAnalysis(grpc::ServerContext*, const v1::NegotiateAnalysisRequest*,
                                 v1::NegotiateAnalysisResponse* response) override {
    response->set_name(kEmptyAnalyzer);
    response->add_analysis_types(v1::ANALYSIS_TYPE_BINARY_HASH);
    response->mutable_limits()->set_max_concurrent(50);
    return grpc::Status::OK;
  }
  grpc::Status Analyze(grpc::ServerContext*, const v1::AnalyzeRequest*,
                       v1::AnalyzeResponse* response) override {
    response->mutable_result()->set_verdict(v1::ANALYSIS_VERDICT_CLEAN);
    return grpc::Status::OK;
  }

  std::unique_ptr<grpc::Server> server_;
};

void AwaitAnalyzers(const BenchGateway& gateway, int count) {
  const auto stub = v1::GatewayService::NewStub(gateway.channel());
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (absl::Now() < deadline) {
    const v1::ListAnalyzersResponse answer =
        Call(stub, &v1::GatewayService::Stub::ListAnalyzers, v1::ListAnalyzersRequest());
    const auto is_up = [](const auto& analyzer) { return analyzer.problem().empty(); };
    if (std::ranges::count_if(answer.analyzers(), is_up) >= count) return;
    absl::SleepFor(absl::Milliseconds(20));
  }
  Die("an analyzer is not reached");
}

// `stages` stages one behind the other, each of which asks the empty analyzer.
v1::ExecuteWorkflowRequest Chain(int stages) {
  v1::ExecuteWorkflowRequest request;
  request.mutable_target()->set_path("/bin/true");
  for (int i = 0; i < stages; ++i) {
    v1::WorkflowStage& stage = *request.mutable_workflow()->add_stages();
    stage.set_id(fmt::format("s{}", i));
    stage.set_kind(v1::WORKFLOW_STAGE_KIND_ANALYSIS);
    stage.set_analyzer(kEmptyAnalyzer);
    stage.set_analysis_type(v1::ANALYSIS_TYPE_BINARY_HASH);
    if (i > 0) stage.add_depends_on(fmt::format("s{}", i - 1));
  }
  return request;
}

// Watches it to its end.
v1::WorkflowExecution Run(const BenchGateway& gateway, const v1::ExecuteWorkflowRequest& request) {
  const std::string id = Call(v1::WorkflowService::NewStub(gateway.operator_channel()),
                              &v1::WorkflowService::Stub::ExecuteWorkflow, request)
                             .execution()
                             .id();
  const auto stub = v1::WorkflowService::NewStub(gateway.channel());
  grpc::ClientContext context;
  v1::WatchExecutionRequest watch;
  watch.set_id(id);
  const auto reader = stub->WatchExecution(&context, watch);
  v1::WatchExecutionResponse last;
  for (v1::WatchExecutionResponse next; reader->Read(&next);) last = next;
  if (!reader->Finish().ok() || last.execution().status() != v1::EXECUTION_STATUS_COMPLETED) {
    Die("an execution did not complete: " + last.execution().error());
  }
  return last.execution();
}

absl::Duration Took(const google::protobuf::Timestamp& from,
                    const google::protobuf::Timestamp& to) {
  return absl::Seconds(to.seconds() - from.seconds()) +
         absl::Nanoseconds(to.nanos() - from.nanos());
}

void AddStageRows(const Setting& setting, Table& table) {
  constexpr int kStages = 10;
  const int executions = setting.rounds == 1 ? 20 : 200;
  const TempDirectory directory;
  const EmptyAnalyzer analyzer(directory.File("empty.sock"));
  const BenchGateway gateway(
      setting, directory,
      {.monitors = {}, .analyzers = {"unix://" + directory.File("empty.sock")}, .workflow = ""});
  AwaitAnalyzers(gateway, 2);
  std::vector<double> milliseconds;
  for (int i = 0; i < executions; ++i) {
    const v1::WorkflowExecution execution = Run(gateway, Chain(kStages));
    milliseconds.push_back(
        absl::ToDoubleMilliseconds(Took(execution.started_at(), execution.ended_at())) / kStages);
  }
  std::ranges::sort(milliseconds);
  table.Add(Absolute(fmt::format("stage with an empty analyzer, p50 of {} chains", executions),
                     milliseconds[milliseconds.size() / 2], "ms"));
  table.Add(Absolute(fmt::format("stage with an empty analyzer, p99 of {} chains", executions),
                     milliseconds[milliseconds.size() * 99 / 100], "ms"));
}

// What the gateway keeps once it has run so many, with so many under way as may be.
void AddMemoryRows(const Setting& setting, Table& table) {
  const int executions = setting.rounds == 1 ? 100 : 1'000;
  const TempDirectory directory;
  const EmptyAnalyzer analyzer(directory.File("empty.sock"));
  const BenchGateway gateway(
      setting, directory,
      {.monitors = {}, .analyzers = {"unix://" + directory.File("empty.sock")}, .workflow = ""});
  AwaitAnalyzers(gateway, 2);
  const auto run_all = [&] {
    const auto stub = v1::WorkflowService::NewStub(gateway.operator_channel());
    for (int i = 1; i < executions; ++i) {
      v1::ExecuteWorkflowRequest request = Chain(4);
      request.set_priority(v1::TRIGGER_PRIORITY_CRITICAL);
      Call(stub, &v1::WorkflowService::Stub::ExecuteWorkflow, request);
    }
    v1::ExecuteWorkflowRequest last = Chain(4);
    last.set_priority(v1::TRIGGER_PRIORITY_LOW);
    Run(gateway, last);
  };
  run_all();  // what is remembered of executions is full, and the allocator has its pages
  const double before = static_cast<double>(gateway.process().AnonymousBytes()) / kMiB;
  run_all();
  Row memory = Absolute(fmt::format("anonymous after {} more workflows", executions),
                        static_cast<double>(gateway.process().AnonymousBytes()) / kMiB, "MiB");
  memory.against = fmt::format("before");
  memory.reference = before;
  memory.at_most = 1.05;
  table.Add(std::move(memory));
}

void AddChainRows(const Setting& setting, Table& table) {
  const int seconds = setting.rounds == 1 ? 6 : 30;
  constexpr int kAlarms = 1;
  const TempDirectory directory;
  const std::string hasher_path = directory.File("hasher.sock");
  const ChildProcess hasher({setting.bin + "/services/binary_hasher/binary_hasher",
                             "--config=", "--listen=unix://" + hasher_path, "--metrics_address="},
                            directory.File("hasher.log"));
  if (!AwaitSocket(hasher_path, absl::Seconds(30))) Die("the hasher does not answer");
  const Feed feed{.monitor = "feed", .rate = 1000, .alarms = kAlarms, .seconds = seconds};
  const BenchGateway gateway(
      setting, directory,
      {.monitors = {feed}, .analyzers = {"unix://" + hasher_path}, .workflow = "investigate"});
  AwaitAnalyzers(gateway, 2);
  const auto source = StartFeed(setting, directory, feed);
  const size_t expected = static_cast<size_t>(seconds) * kAlarms;
  std::vector<double> delays =
      AlertDelaysMs(gateway.alerts(), expected, absl::Seconds(seconds) + absl::Seconds(30));
  if (delays.size() < expected) {
    Die(fmt::format("{} of {} alerts arrived in the file", delays.size(), expected));
  }
  delays.erase(delays.begin(), delays.begin() + 2);  // how soon the gateway dials the feed
  std::ranges::sort(delays);
  table.Add(Absolute(fmt::format("event to alert through the chain, p50 of {}", delays.size()),
                     delays[delays.size() / 2], "ms"));
  table.Add(Absolute(fmt::format("event to alert through the chain, p99 of {}", delays.size()),
                     delays[delays.size() * 99 / 100], "ms"));
}

}  // namespace

void AddWorkflowRows(const Setting& setting, Table& table) {
  AddStageRows(setting, table);
  AddMemoryRows(setting, table);
  AddChainRows(setting, table);
}

}  // namespace daemoneye::bench
