// FakeMonitor: a MonitorService on a unix socket that says just what a test tells it to, lies
// included.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "libs/base/mutex.h"

namespace daemoneye::gateway {

class FakeMonitor final : public v1::MonitorService::Service {
 public:
  // What one stream sends before it waits for its cancellation (or ends).
  struct Script {
    std::vector<v1::CollectionEvent> events;
    bool ends = false;
    // Asked for what follows `events`, one by one, until it has no more or the stream is cancelled.
    std::function<std::optional<v1::CollectionEvent>()> more = nullptr;
  };

  FakeMonitor();
  ~FakeMonitor() override;

  // Serves on `path`; Stop ends every call.
  void Start(const std::string& path);
  void Stop();

  // Answer to the negotiation. Preset: procmond on host-a, PROCESS, all features.
  v1::NegotiateCapabilitiesResponse negotiation;
  // Answer to snapshot streams (follow=false) and live streams, each called with the request.
  std::function<Script(const v1::StreamEventsRequest&)> snapshot;
  std::function<Script(const v1::StreamEventsRequest&)> live;
  bool has_batches = true;
  // Answers ExecuteTask, writing with `write`. Empty: UNIMPLEMENTED.
  std::function<grpc::Status(const v1::ExecuteTaskRequest&,
                             const std::function<void(const v1::ExecuteTaskResponse&)>& write)>
      task;

  // Waits until `count` live streams were opened in all; the request of the last one.
  v1::StreamEventsRequest AwaitLiveStream(int count);

  // A START of `pid` at `sequence`, with this monitor's origin.
  v1::CollectionEvent Start(uint64_t sequence, uint32_t pid) const;
  // stream_started for the fake's log, and snapshot_complete.
  v1::CollectionEvent Started(bool resumed, uint64_t first_sequence) const;
  v1::CollectionEvent Complete(uint64_t count) const;

 private:
  grpc::Status NegotiateCapabilities(grpc::ServerContext*, const v1::NegotiateCapabilitiesRequest*,
                                     v1::NegotiateCapabilitiesResponse* response) override;
  grpc::Status StreamEvents(grpc::ServerContext* context, const v1::StreamEventsRequest* request,
                            grpc::ServerWriter<v1::CollectionEvent>* writer) override;
  grpc::Status StreamEventBatches(
      grpc::ServerContext* context, const v1::StreamEventBatchesRequest* request,
      grpc::ServerWriter<v1::StreamEventBatchesResponse>* writer) override;

  grpc::Status ExecuteTask(grpc::ServerContext* context, const v1::ExecuteTaskRequest* request,
                           grpc::ServerWriter<v1::ExecuteTaskResponse>* writer) override;

  Script ScriptFor(const v1::StreamEventsRequest& request);
  grpc::Status Linger(grpc::ServerContext* context, bool ends);

  base::Mutex mu_;
  base::CondVar changed_;
  int live_streams_ GUARDED_BY(mu_) = 0;
  v1::StreamEventsRequest last_live_ GUARDED_BY(mu_);
  bool is_stopping_ GUARDED_BY(mu_) = false;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace daemoneye::gateway
