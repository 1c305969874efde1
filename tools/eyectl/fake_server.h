// FakeServer: a monitor and gateway whose answers a test writes down, on a unix socket of its own.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "libs/base/mutex.h"

namespace daemoneye::eyectl {

// What to answer; set before the server starts.
struct FakeAnswers {
  std::vector<v1::CollectionEvent> events;
  // After the events the stream stays open until the client goes.
  bool stay_open = false;
  // Events are sent again and again until the client goes.
  bool endless = false;
  grpc::Status stream_status;
  v1::GetStatusResponse status;
  // A page each.
  std::vector<v1::ListMonitorsResponse> monitors;
  std::vector<v1::ExecuteTaskResponse> task;
};

class FakeServer final : public v1::MonitorService::Service, public v1::GatewayService::Service {
 public:
  // `is_gateway`: also serve GatewayService.
  explicit FakeServer(FakeAnswers answers, bool is_gateway = true);
  ~FakeServer() override;

  const std::string& address() const { return address_; }
  grpc::HealthCheckServiceInterface& health() { return *server_->GetHealthCheckService(); }
  v1::StreamEventsRequest stream_request() const;
  v1::ExecuteTaskRequest task_request() const;

  grpc::Status StreamEvents(grpc::ServerContext* context, const v1::StreamEventsRequest* request,
                            grpc::ServerWriter<v1::CollectionEvent>* writer) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status ListMonitors(grpc::ServerContext* context, const v1::ListMonitorsRequest* request,
                            v1::ListMonitorsResponse* response) override;
  grpc::Status ExecuteTask(grpc::ServerContext* context, const v1::ExecuteTaskRequest* request,
                           grpc::ServerWriter<v1::ExecuteTaskResponse>* writer) override;

 private:
  const FakeAnswers answers_;
  std::string directory_, address_;
  mutable base::Mutex mu_;
  base::CondVar stopping_changed_;
  bool stopping_ GUARDED_BY(mu_) = false;
  v1::StreamEventsRequest stream_request_ GUARDED_BY(mu_);
  v1::ExecuteTaskRequest task_request_ GUARDED_BY(mu_);
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace daemoneye::eyectl
