// WorkflowService: daemoneye.v1.WorkflowService over the gateway's workflows and their executions.
//
// All methods are raw, so that a request that does not parse is INVALID_ARGUMENT. Nothing blocks
// gRPC's threads: workers answer, what waits for the engine has a worker of its own, and the
// streams' loop reads the store where an execution has left memory.
//
// Lifecycle:  registered with a server; Drain, then the server's shutdown, then destroyed. The
//             engine may stop in between; it outlives the service.
// Threads:    all methods from any. Owns a StreamLoop and the workers.
// Ownership:  borrows all of WorkflowServicePorts; the engine's listener is this service's.
// Bounds:     100 streams, 64 reads, 1,024 calls that change something, requests of 256 KiB.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/workflow_service.grpc.pb.h"
#include "libs/analysis/workflow_engine.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/monitor/stream_loop.h"
#include "libs/monitor/worker_pool.h"
#include "libs/storage/audit_log.h"
#include "libs/storage/execution_store.h"
#include "services/collector_gateway/execution_hub.h"
#include "services/collector_gateway/execution_stream.h"
#include "services/collector_gateway/execution_view.h"
#include "services/collector_gateway/workflow_registry.h"

namespace daemoneye::gateway {

namespace internal {
using RawWorkflowService = v1::WorkflowService::WithRawCallbackMethod_CreateWorkflow<
    v1::WorkflowService::WithRawCallbackMethod_ListWorkflows<
        v1::WorkflowService::WithRawCallbackMethod_DeleteWorkflow<
            v1::WorkflowService::WithRawCallbackMethod_ExecuteWorkflow<
                v1::WorkflowService::WithRawCallbackMethod_GetExecution<
                    v1::WorkflowService::WithRawCallbackMethod_ListExecutions<
                        v1::WorkflowService::WithRawCallbackMethod_CancelExecution<
                            v1::WorkflowService::WithRawCallbackMethod_WatchExecution<
                                v1::WorkflowService::Service>>>>>>>>;
}  // namespace internal

struct WorkflowServicePorts {
  WorkflowRegistry& registry;
  analysis::WorkflowEngine& engine;
  base::Clock& clock;
  // Null: executions last as long as the engine remembers them.
  const storage::ExecutionStore* store = nullptr;
  // Null: nothing is kept.
  storage::AuditLog* audit = nullptr;
};

class WorkflowService final : public internal::RawWorkflowService {
 public:
  static constexpr size_t kMaxStreams = 100;
  static constexpr size_t kMaxQueuedReads = 64;
  static constexpr size_t kMaxQueuedChanges = 1'024;
  static constexpr size_t kMaxRequestBytes = 256 << 10;

  explicit WorkflowService(WorkflowServicePorts ports);
  // After the server has shut down.
  ~WorkflowService() override;

  // New calls are UNAVAILABLE, streams end.
  void Drain();

  size_t stream_count() const;

  grpc::ServerUnaryReactor* CreateWorkflow(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListWorkflows(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteWorkflow(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ExecuteWorkflow(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetExecution(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListExecutions(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* CancelExecution(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchExecution(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) override;

 private:
  // A call: parsed, valid, and under way.
  template <typename Request, typename Response>
  struct Call;
  // Parses and validates; hands `answer` to a worker of `pool`, or ends the call.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* OnWorker(
      monitor::WorkerPool& pool, grpc::CallbackServerContext& context,
      const grpc::ByteBuffer& request, grpc::ByteBuffer& response,
      std::function<void(std::shared_ptr<Call<Request, Response>>)> answer);
  // One audit row for a call that changes something.
  void Audit(const std::string& actor, const char* method, const std::string& target,
             const absl::Status& outcome, const std::string& details = "");
  using ExecuteCall = Call<v1::ExecuteWorkflowRequest, v1::ExecuteWorkflowResponse>;
  using CancelCall = Call<v1::CancelExecutionRequest, v1::CancelExecutionResponse>;
  void Execute(const std::string& actor, const std::shared_ptr<ExecuteCall>& call);
  void Cancel(const std::string& actor, const std::shared_ptr<CancelCall>& call);
  // NotFound; Unavailable: it takes longer than it should. Blocks.
  absl::StatusOr<analysis::ExecutionPtr> AwaitEnd(const std::string& id);
  // `work` by the worker that waits for the engine.
  void WhenKept(std::function<void()> work);
  absl::Status CheckRoomLocked() const REQUIRES(mu_);
  bool is_draining() const;

  const WorkflowServicePorts ports_;
  const ExecutionView executions_;
  monitor::StreamLoop loop_;
  ExecutionHub hub_;
  monitor::WorkerPool reads_;
  monitor::WorkerPool changes_;
  monitor::WorkerPool waits_;

  mutable base::Mutex mu_;
  bool is_draining_ GUARDED_BY(mu_) = false;
  uint64_t next_id_ GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<uint64_t, std::shared_ptr<ExecutionStream>> streams_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::gateway
