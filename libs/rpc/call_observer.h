// CallObserver: is told of every call that ended, for metrics and for the line an operate call
// logs.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace daemoneye::rpc {

struct CallRecord {
  std::string_view service;  // as in AllMethods, or ""
  std::string_view method;
  absl::StatusCode code;
  std::string_view peer;  // "unix:", "ipv4:127.0.0.1:1234"; empty where it was refused
};

// Called from any thread; returns quickly.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void OnCallEnded(const CallRecord& call) = 0;
};

// Splits "/service/method"; both empty when `path` is not in AllMethods.
void SplitPath(std::string_view path, CallRecord& call);

// For grpc::ServerBuilder: tells `observer`, which outlives the server, of every call that a
// service answered. Calls that a listener refused never get there: ListenerOptions::on_refused.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallInterceptor(
    CallObserver& observer);

}  // namespace daemoneye::rpc
