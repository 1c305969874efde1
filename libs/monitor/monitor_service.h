// MonitorService: the daemoneye.v1.MonitorService of a monitor or a gateway, over its backend.
//
// All methods are raw, so that events go out as the bytes that the log holds and a request that
// does not parse is answered INVALID_ARGUMENT. Opening a stream and running a task happen on
// workers; nothing blocks gRPC's threads.
//
// Lifecycle:  registered with a server; Drain, then the server's shutdown, then destroyed.
// Threads:    all methods from any. Owns a StreamLoop and two pools of workers.
// Ownership:  borrows the backend and the clock, which outlive it.
// Cost:       a message of a stream costs 40-50 µs whatever is in it (StreamCore).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/monitor/monitor_backend.h"
#include "libs/monitor/stream_core.h"
#include "libs/monitor/stream_loop.h"
#include "libs/monitor/task_stream.h"
#include "libs/monitor/worker_pool.h"

namespace daemoneye::monitor {

struct MonitorServiceOptions {
  // Streams at once, those that are still opening included.
  size_t max_subscribers = 1000;
  // ExecuteTask calls at once.
  size_t max_tasks = 4;
  // Bounds of one StreamEventBatchesResponse.
  uint32_t max_batch_events = 256;
  uint32_t max_batch_bytes = 1 << 20;
  // The server's: told, not enforced here.
  uint32_t max_request_bytes = 64 << 10;
  // How long bringing the state up to date may hold up a snapshot.
  absl::Duration refresh_timeout = absl::Seconds(2);
  // A peer that does not read for so long is given up.
  absl::Duration write_timeout = absl::Seconds(60);
  // Called when a stream or a task has ended and no longer counts. May be empty. Any thread.
  std::function<void()> on_call_ended;
  // StreamCoreOptions::observe_latency. May be empty.
  std::function<void(absl::Duration)> observe_latency;
};

namespace internal {
using RawMonitorService = v1::MonitorService::WithRawCallbackMethod_NegotiateCapabilities<
    v1::MonitorService::WithRawCallbackMethod_StreamEvents<
        v1::MonitorService::WithRawCallbackMethod_StreamEventBatches<
            v1::MonitorService::WithRawCallbackMethod_ExecuteTask<
                v1::MonitorService::WithRawCallbackMethod_GetStatus<
                    v1::MonitorService::Service>>>>>;
}  // namespace internal

class MonitorService final : public internal::RawMonitorService {
 public:
  MonitorService(MonitorBackend& backend, MonitorServiceOptions options, base::Clock& clock);
  // After the server has shut down.
  ~MonitorService() override;

  // New calls are UNAVAILABLE, streams write what is in the log and end, tasks are told to stop.
  void Drain();

  // The loop that turns while the server lives: what liveness asks.
  StreamLoop& loop() { return *loop_; }
  size_t stream_count() const;
  size_t task_count() const;
  // Streams that wait to be opened.
  const WorkerPool& openers() const { return openers_; }

  grpc::ServerUnaryReactor* NegotiateCapabilities(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* StreamEvents(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* StreamEventBatches(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* ExecuteTask(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;

 private:
  absl::Status Negotiate(const v1::NegotiateCapabilitiesRequest& request,
                         v1::NegotiateCapabilitiesResponse& response) const;
  void FillLimits(v1::Limits& limits) const;
  void FillStatus(v1::GetStatusResponse& response) const;

  grpc::ServerWriteReactor<grpc::ByteBuffer>* StartStream(grpc::CallbackServerContext& context,
                                                          const v1::StreamEventsRequest& request,
                                                          MessageLimits limits);
  void OpenOnWorker(const v1::StreamEventsRequest& request, std::function<void()> on_ready,
                    const std::function<void(absl::StatusOr<OpenedStream>)>& done);
  absl::Status RunTask(const v1::ExecuteTaskRequest& request, std::stop_token stop,
                       const TaskStream::Send& send);
  // Unavailable while shutting down, ResourceExhausted with RetryInfo at `max`.
  absl::Status CheckRoom(size_t count, size_t max, std::string_view what) const REQUIRES(mu_);

  MonitorBackend& backend_;
  const MonitorServiceOptions options_;
  base::Clock& clock_;
  const std::shared_ptr<StreamLoop> loop_;

  mutable base::Mutex mu_;
  bool is_draining_ GUARDED_BY(mu_) = false;
  uint64_t next_id_ GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<uint64_t, std::shared_ptr<StreamCore>> streams_ GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, std::shared_ptr<TaskStream>> tasks_ GUARDED_BY(mu_);

  WorkerPool openers_;
  WorkerPool task_workers_;
};

}  // namespace daemoneye::monitor
