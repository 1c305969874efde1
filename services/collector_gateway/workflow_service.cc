#include "services/collector_gateway/workflow_service.h"

#include <utility>
#include <vector>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/logging/logging.h"
#include "libs/rpc/caller_name.h"
#include "libs/rpc/raw_stream_reactor.h"
#include "libs/rpc/raw_unary.h"
#include "libs/rpc/status_conversion.h"
#include "services/collector_gateway/workflow_requests.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using base::operator+;
using rpc::RawStreamReactor;

constexpr size_t kReadThreads = 2;
// The engine accepts fewer, so each that was accepted has its place.
constexpr size_t kMaxWaits = 2'048;
// What the engine may take to end an execution, the store included.
constexpr absl::Duration kCancelTimeout = absl::Seconds(10);

absl::Status Busy(std::string_view what) {
  return rpc::WithRetryInfo(absl::ResourceExhaustedError(fmt::format("too many {}", what)),
                            absl::Seconds(1));
}

absl::Status ShuttingDown() { return absl::UnavailableError("the server is shutting down"); }

}  // namespace

template <typename Request, typename Response>
struct WorkflowService::Call {
  grpc::ServerUnaryReactor* reactor;
  grpc::ByteBuffer& bytes;
  Request request = {};
  Response response = {};

  // Once.
  void End(const absl::Status& status) {
    if (status.ok()) bytes = rpc::SerialiseResponse(response);
    reactor->Finish(rpc::ToGrpc(status));
  }
};

WorkflowService::WorkflowService(WorkflowServicePorts ports)
    : ports_(ports),
      executions_(ports.engine, ports.store),
      loop_(ports.clock),
      hub_(loop_, ports.clock),
      reads_("workflow-reads", kReadThreads, kMaxQueuedReads, ports.clock),
      changes_("workflow-calls", 1, kMaxQueuedChanges, ports.clock),
      waits_("workflow-waits", 1, kMaxWaits, ports.clock) {
  ports_.engine.SetListener(
      [this](const analysis::ExecutionPtr& execution) { hub_.OnChange(execution); });
}

WorkflowService::~WorkflowService() {
  Drain();
  ports_.engine.SetListener({});
  reads_.Stop();
  changes_.Stop();
  waits_.Stop();
  loop_.Stop();
}

void WorkflowService::Drain() {
  std::vector<std::shared_ptr<ExecutionStream>> streams;
  {
    const MutexLock lock(mu_);
    is_draining_ = true;
    for (const auto& [id, stream] : streams_) streams.push_back(stream);
  }
  hub_.Stop();
  for (const auto& stream : streams) stream->Drain();
}

size_t WorkflowService::stream_count() const {
  const MutexLock lock(mu_);
  return streams_.size();
}

bool WorkflowService::is_draining() const {
  const MutexLock lock(mu_);
  return is_draining_;
}

absl::Status WorkflowService::CheckRoomLocked() const {
  if (is_draining_) return ShuttingDown();
  return streams_.size() >= kMaxStreams ? Busy("streams of executions") : absl::OkStatus();
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* WorkflowService::OnWorker(
    monitor::WorkerPool& pool, grpc::CallbackServerContext& context,
    const grpc::ByteBuffer& request, grpc::ByteBuffer& response,
    std::function<void(std::shared_ptr<Call<Request, Response>>)> answer) {
  auto call = std::make_shared<Call<Request, Response>>(
      Call<Request, Response>{.reactor = context.DefaultReactor(), .bytes = response});
  grpc::ServerUnaryReactor* const reactor = call->reactor;
  absl::Status status = is_draining() ? ShuttingDown() : absl::OkStatus();
  if (status.ok() && request.Length() > kMaxRequestBytes) {
    status = absl::InvalidArgumentError(
        fmt::format("the request is larger than {} bytes", kMaxRequestBytes));
  }
  if (status.ok()) status = rpc::ParseRequest(request, call->request);
  if (status.ok()) status = Validate(call->request);
  if (status.ok() && !pool.Submit([call, answer = std::move(answer)] { answer(call); })) {
    status = Busy("calls at once");
  }
  if (!status.ok()) reactor->Finish(rpc::ToGrpc(status));
  return reactor;
}

void WorkflowService::Audit(const std::string& actor, const char* method, const std::string& target,
                            const absl::Status& outcome, const std::string& details) {
  if (ports_.audit == nullptr) return;
  const absl::Status kept =
      ports_.audit
          ->Append(
              {.time = ports_.clock.Now(),
               .actor = actor,
               .role = "operator",
               .method = fmt::format("/{}/{}", v1::WorkflowService::service_full_name(), method),
               .target = target,
               .outcome = absl::StatusCodeToString(outcome.code()),
               .details = outcome.ok() ? details : std::string(outcome.message())})
          .status();
  if (!kept.ok()) logging::Warning("audit row not kept", {{"error", kept}});
}

grpc::ServerUnaryReactor* WorkflowService::CreateWorkflow(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return OnWorker<v1::CreateWorkflowRequest, v1::CreateWorkflowResponse>(
      changes_, *context, *request, *response,
      [this, actor = rpc::OperatorName(*context)](const auto& call) {
        absl::StatusOr<v1::Workflow> created = ports_.registry.Create(call->request.workflow());
        Audit(actor, "CreateWorkflow", call->request.workflow().id(), created.status());
        if (created.ok()) call->response.mutable_workflow()->Swap(&*created);
        call->End(created.status());
      });
}

grpc::ServerUnaryReactor* WorkflowService::ListWorkflows(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* response) {
  return OnWorker<v1::ListWorkflowsRequest, v1::ListWorkflowsResponse>(
      reads_, *context, *request, *response, [this](const auto& call) {
        gateway::ListWorkflows(ports_.registry, call->request, call->response);
        call->End(absl::OkStatus());
      });
}

grpc::ServerUnaryReactor* WorkflowService::DeleteWorkflow(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return OnWorker<v1::DeleteWorkflowRequest, v1::DeleteWorkflowResponse>(
      changes_, *context, *request, *response,
      [this, actor = rpc::OperatorName(*context)](const auto& call) {
        const absl::Status deleted = ports_.registry.Delete(call->request.id());
        Audit(actor, "DeleteWorkflow", call->request.id(), deleted);
        call->End(deleted);
      });
}

grpc::ServerUnaryReactor* WorkflowService::ExecuteWorkflow(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return OnWorker<v1::ExecuteWorkflowRequest, v1::ExecuteWorkflowResponse>(
      changes_, *context, *request, *response,
      [this, actor = rpc::OperatorName(*context)](const auto& call) { Execute(actor, call); });
}

void WorkflowService::Execute(const std::string& actor, const std::shared_ptr<ExecuteCall>& call) {
  absl::StatusOr<analysis::ExecutionPtr> accepted =
      [&]() -> absl::StatusOr<analysis::ExecutionPtr> {
    ASSIGN_OR_RETURN(v1::WorkflowExecution execution,
                     MakeExecution(ports_.registry, call->request));
    return ports_.engine.Submit(std::move(execution));
  }();
  const bool is_inline = call->request.has_workflow();
  const std::string target = is_inline ? fmt::format("inline {}", call->request.workflow().id())
                                       : call->request.workflow_id();
  if (!accepted.ok()) {
    Audit(actor, "ExecuteWorkflow", target, accepted.status());
    return call->End(absl::IsResourceExhausted(accepted.status())
                         ? rpc::WithRetryInfo(accepted.status(), absl::Seconds(1))
                         : accepted.status());
  }
  // Many are kept together, so those that wait are not many waits.
  WhenKept([this, actor, target, call, execution = *std::move(accepted)] {
    const absl::Status kept = ports_.engine.AwaitKept(execution->id());
    if (!kept.ok()) {
      // What was not accepted does not run.
      static_cast<void>(ports_.engine.Cancel(execution->id(), "it could not be kept"));
    }
    Audit(actor, "ExecuteWorkflow", target, kept, fmt::format("execution {}", execution->id()));
    *call->response.mutable_execution() = FitMessage(*execution);
    call->End(kept);
  });
}

void WorkflowService::WhenKept(std::function<void()> work) {
  if (!waits_.Submit(work)) work();
}

grpc::ServerUnaryReactor* WorkflowService::GetExecution(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return OnWorker<v1::GetExecutionRequest, v1::GetExecutionResponse>(
      reads_, *context, *request, *response, [this](const auto& call) {
        const auto found = executions_.Get(call->request.id());
        if (found.ok()) *call->response.mutable_execution() = FitMessage(**found);
        call->End(found.status());
      });
}

grpc::ServerUnaryReactor* WorkflowService::ListExecutions(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return OnWorker<v1::ListExecutionsRequest, v1::ListExecutionsResponse>(
      reads_, *context, *request, *response,
      [this](const auto& call) { call->End(executions_.List(call->request, call->response)); });
}

grpc::ServerUnaryReactor* WorkflowService::CancelExecution(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return OnWorker<v1::CancelExecutionRequest, v1::CancelExecutionResponse>(
      changes_, *context, *request, *response,
      [this, actor = rpc::OperatorName(*context)](const auto& call) { Cancel(actor, call); });
}

void WorkflowService::Cancel(const std::string& actor, const std::shared_ptr<CancelCall>& call) {
  const std::string& id = call->request.id();
  const std::string& reason = call->request.reason();
  const absl::Status cancelled =
      ports_.engine.Cancel(id, reason.empty() ? fmt::format("cancelled by {}", actor) : reason);
  if (!cancelled.ok() && !absl::IsNotFound(cancelled)) {
    Audit(actor, "CancelExecution", id, cancelled);
    return call->End(cancelled);
  }
  WhenKept([this, actor, call] {
    const absl::StatusOr<analysis::ExecutionPtr> ended = AwaitEnd(call->request.id());
    Audit(actor, "CancelExecution", call->request.id(), ended.status(), call->request.reason());
    if (ended.ok()) *call->response.mutable_execution() = FitMessage(**ended);
    call->End(ended.status());
  });
}

absl::StatusOr<analysis::ExecutionPtr> WorkflowService::AwaitEnd(const std::string& id) {
  const base::Monotonic deadline = ports_.clock.MonotonicNow() + kCancelTimeout;
  while (true) {
    const uint64_t changes = hub_.changes();
    absl::StatusOr<analysis::ExecutionPtr> execution = executions_.Get(id);
    if (!execution.ok() || HasEnded(**execution)) return execution;
    if (!hub_.AwaitChange(changes, deadline)) {
      return absl::UnavailableError("the execution has not ended yet: ask again");
    }
  }
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WorkflowService::WatchExecution(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  v1::WatchExecutionRequest parsed;
  absl::Status status = rpc::ParseRequest(*request, parsed);
  if (status.ok()) status = Validate(parsed);
  if (!status.ok()) return RawStreamReactor::Reject(status);
  std::shared_ptr<ExecutionStream> stream;
  {
    const MutexLock lock(mu_);
    status = CheckRoomLocked();
    if (!status.ok()) return RawStreamReactor::Reject(status);
    const uint64_t id = next_id_++;
    stream = ExecutionStream::Create(
        {.execution_id = parsed.id(),
         .on_done =
             [this, id] {
               const MutexLock done_lock(mu_);
               streams_.erase(id);
             }},
        {.executions = executions_, .hub = hub_, .loop = loop_, .clock = ports_.clock});
    streams_[id] = stream;
  }
  return RawStreamReactor::Start(*context, std::move(stream));
}

}  // namespace daemoneye::gateway
