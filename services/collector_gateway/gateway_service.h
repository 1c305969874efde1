// GatewayService: daemoneye.v1.GatewayService over the gateway's links and its store.
//
// Query is raw, so that a request that does not parse is INVALID_ARGUMENT; it runs on a worker, two
// at a time, and hands its rows over as the caller reads them.
//
// Lifecycle:  registered with a server; Drain, then the server's shutdown, then destroyed.
// Threads:    all methods from any. Owns the workers.
// Ownership:  borrows the links, the engine and the clock, which outlive it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/monitor/task_stream.h"
#include "libs/monitor/worker_pool.h"
#include "services/collector_gateway/link_set.h"
#include "services/collector_gateway/query_engine.h"

namespace daemoneye::gateway {

namespace internal {
using RawGatewayService = v1::GatewayService::WithRawCallbackMethod_Query<
    v1::GatewayService::WithCallbackMethod_DescribeTables<
        v1::GatewayService::WithCallbackMethod_ListMonitors<
            v1::GatewayService::WithCallbackMethod_ListAnalyzers<v1::GatewayService::Service>>>>;
}  // namespace internal

class GatewayService final : public internal::RawGatewayService {
 public:
  static constexpr size_t kMaxQueries = 2;

  // Each analyzer as it is now; quick, from any thread.
  using Analyzers = std::function<std::vector<v1::AnalyzerLink>()>;

  // Without `analyzers` there are none.
  GatewayService(const LinkSet& links, const QueryEngine& queries, base::Clock& clock,
                 Analyzers analyzers = {});
  // After the server has shut down.
  ~GatewayService() override;

  // New queries are UNAVAILABLE, those that run are stopped.
  void Drain();

  grpc::ServerUnaryReactor* ListMonitors(grpc::CallbackServerContext* context,
                                         const v1::ListMonitorsRequest* request,
                                         v1::ListMonitorsResponse* response) override;
  grpc::ServerUnaryReactor* DescribeTables(grpc::CallbackServerContext* context,
                                           const v1::DescribeTablesRequest* request,
                                           v1::DescribeTablesResponse* response) override;
  grpc::ServerUnaryReactor* ListAnalyzers(grpc::CallbackServerContext* context,
                                          const v1::ListAnalyzersRequest* request,
                                          v1::ListAnalyzersResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Query(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request) override;

 private:
  // A call that OnStart has begun: gives it to a worker.
  void StartQuery(uint64_t id, std::shared_ptr<const v1::QueryRequest> request);

  const LinkSet& links_;
  const QueryEngine& queries_;
  base::Clock& clock_;
  const Analyzers analyzers_;

  base::Mutex mu_;
  bool is_draining_ GUARDED_BY(mu_) = false;
  uint64_t next_id_ GUARDED_BY(mu_) = 1;
  size_t running_ GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<uint64_t, std::shared_ptr<monitor::TaskStream>> calls_ GUARDED_BY(mu_);

  monitor::WorkerPool workers_;
};

// One page of the links, by address. InvalidArgument: a page_size below 0.
grpc::Status FillMonitors(const std::vector<MonitorLink::Status>& links,
                          const v1::ListMonitorsRequest& request,
                          v1::ListMonitorsResponse& response);
// One page of the analyzers, by name and address. InvalidArgument: page_size, page_token.
absl::Status FillAnalyzers(std::vector<v1::AnalyzerLink> analyzers,
                           const v1::ListAnalyzersRequest& request,
                           v1::ListAnalyzersResponse& response);

}  // namespace daemoneye::gateway
