// TriggerService: daemoneye.v1.TriggerService over the gateway's triggers.
//
// All methods are raw, so that a request that does not parse is INVALID_ARGUMENT. Everything is
// answered by a worker: compiling, the store and a back-test take time. Back-tests have a worker of
// their own, so that a long one delays nothing else.
//
// Lifecycle:  registered with a server; destroyed after the server has shut down.
// Threads:    all methods from any. Owns the workers.
// Ownership:  borrows all that the constructor takes.
#pragma once

#include <functional>
#include <string>

#include "daemoneye/v1/trigger_service.grpc.pb.h"
#include "libs/base/clock.h"
#include "libs/monitor/worker_pool.h"
#include "libs/storage/audit_log.h"
#include "libs/storage/event_store.h"
#include "services/collector_gateway/trigger_registry.h"

namespace daemoneye::gateway {

namespace internal {
using RawTriggerService = v1::TriggerService::WithRawCallbackMethod_CreateTrigger<
    v1::TriggerService::WithRawCallbackMethod_GetTrigger<
        v1::TriggerService::WithRawCallbackMethod_ListTriggers<
            v1::TriggerService::WithRawCallbackMethod_UpdateTrigger<
                v1::TriggerService::WithRawCallbackMethod_DeleteTrigger<
                    v1::TriggerService::WithRawCallbackMethod_ValidateTrigger<
                        v1::TriggerService::WithRawCallbackMethod_BackTestTrigger<
                            v1::TriggerService::WithRawCallbackMethod_GetTriggerStatistics<
                                v1::TriggerService::Service>>>>>>>>;
}  // namespace internal

struct TriggerServicePorts {
  TriggerRegistry& registry;
  trigger::TriggerEngine& engine;
  base::Clock& clock;
  // Null: nothing is kept, and there is nothing to back-test over.
  storage::AuditLog* audit = nullptr;
  const storage::EventStore* events = nullptr;
  // Whether all that happened in a range is stored.
  std::function<v1::Completeness()> completeness;
};

class TriggerService final : public internal::RawTriggerService {
 public:
  explicit TriggerService(TriggerServicePorts ports);
  ~TriggerService() override;

  grpc::ServerUnaryReactor* CreateTrigger(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetTrigger(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListTriggers(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UpdateTrigger(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteTrigger(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ValidateTrigger(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* BackTestTrigger(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetTriggerStatistics(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) override;

 private:
  // Parses and has a worker of `pool` answer.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* OnWorker(monitor::WorkerPool& pool,
                                     grpc::CallbackServerContext& context,
                                     const grpc::ByteBuffer& request, grpc::ByteBuffer& response,
                                     std::function<absl::Status(const Request&, Response&)> answer);
  // One audit row for a call that changes something.
  void Audit(const std::string& actor, const char* method, const std::string& target,
             const absl::Status& outcome);

  const TriggerServicePorts ports_;
  monitor::WorkerPool calls_;
  monitor::WorkerPool back_tests_;
};

}  // namespace daemoneye::gateway
