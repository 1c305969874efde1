// AlertService: daemoneye.v1.AlertService over the gateway's alerts.
//
// All methods are raw, so that a request that does not parse is INVALID_ARGUMENT. The store is read
// by the loop's thread (streams) and by a worker (the rest); nothing blocks gRPC's threads.
//
// Lifecycle:  registered with a server; Drain, then the server's shutdown, then destroyed.
// Threads:    all methods from any. Owns a StreamLoop and a worker.
// Ownership:  borrows the store, the outbox, the audit log and the clock, which outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "daemoneye/v1/alert_service.grpc.pb.h"
#include "libs/alerting/outbox.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/monitor/stream_loop.h"
#include "libs/monitor/worker_pool.h"
#include "libs/storage/alert_store.h"
#include "libs/storage/audit_log.h"
#include "services/collector_gateway/alert_stream.h"

namespace daemoneye::gateway {

namespace internal {
using RawAlertService = v1::AlertService::WithRawCallbackMethod_StreamAlerts<
    v1::AlertService::WithRawCallbackMethod_ListAlerts<
        v1::AlertService::WithRawCallbackMethod_AcknowledgeAlert<
            v1::AlertService::WithRawCallbackMethod_ListDeadLetters<
                v1::AlertService::WithRawCallbackMethod_ReplayDeadLetters<
                    v1::AlertService::Service>>>>>;
}  // namespace internal

class AlertService final : public internal::RawAlertService {
 public:
  static constexpr size_t kMaxStreams = 100;
  static constexpr size_t kMaxQueuedCalls = 64;

  // `audit` may be null: nothing is kept.
  AlertService(storage::AlertStore& store, alerting::Outbox& outbox, storage::AuditLog* audit,
               base::Clock& clock);
  // After the server has shut down.
  ~AlertService() override;

  // An alert was stored.
  void OnAlert() { loop_.WakeAll(); }

  // New calls are UNAVAILABLE, streams end.
  void Drain();

  size_t stream_count() const;

  grpc::ServerWriteReactor<grpc::ByteBuffer>* StreamAlerts(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* ListAlerts(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* AcknowledgeAlert(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListDeadLetters(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ReplayDeadLetters(grpc::CallbackServerContext* context,
                                              const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override;

 private:
  // Parses, validates and has a worker answer.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* OnWorker(grpc::CallbackServerContext& context,
                                     const grpc::ByteBuffer& request, grpc::ByteBuffer& response,
                                     std::function<absl::Status(const Request&, Response&)> answer);
  absl::Status List(const v1::ListAlertsRequest& request, v1::ListAlertsResponse& response) const;
  absl::Status Acknowledge(const std::string& actor, const v1::AcknowledgeAlertRequest& request,
                           v1::AcknowledgeAlertResponse& response);
  absl::Status ListDead(const v1::ListDeadLettersRequest& request,
                        v1::ListDeadLettersResponse& response) const;
  absl::Status Replay(const std::string& actor, const v1::ReplayDeadLettersRequest& request,
                      v1::ReplayDeadLettersResponse& response);
  // A row of the audit; `actor` is empty for one without a certificate.
  void Audit(const std::string& actor, const char* method, const std::string& target,
             const absl::Status& outcome, const std::string& details);
  absl::Status CheckRoomLocked() const REQUIRES(mu_);

  storage::AlertStore& store_;
  alerting::Outbox& outbox_;
  storage::AuditLog* const audit_;
  base::Clock& clock_;
  monitor::StreamLoop loop_;
  monitor::WorkerPool workers_;

  mutable base::Mutex mu_;
  bool is_draining_ GUARDED_BY(mu_) = false;
  uint64_t next_id_ GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<uint64_t, std::shared_ptr<AlertStream>> streams_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::gateway
