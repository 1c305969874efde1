// TypedServer: the floor for streams: a bare gRPC server that sends the same events through
// generated, typed code and does nothing else.
#pragma once

#include <memory>
#include <string>

#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace daemoneye::bench {

class TypedServer {
 public:
  // Serves `events_per_stream` events to each stream on the unix socket `path`, one by one and in
  // batches of `batch_events`.
  TypedServer(const std::string& path, size_t events_per_stream, size_t batch_events);

 private:
  std::unique_ptr<v1::MonitorService::CallbackService> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace daemoneye::bench
