#include "libs/rpc/call_observer.h"

#include <grpcpp/server_context.h>

#include "libs/rpc/access.h"

namespace daemoneye::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

class CallInterceptor final : public grpc::experimental::Interceptor {
 public:
  CallInterceptor(ServerRpcInfo& call, CallObserver& observer) : call_(call), observer_(observer) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const std::string peer = call_.server_context()->peer();
      CallRecord record{
          .code = static_cast<absl::StatusCode>(methods->GetSendStatus().error_code()),
          .peer = peer};
      SplitPath(call_.method(), record);
      observer_.OnCallEnded(record);
    }
    methods->Proceed();
  }

 private:
  ServerRpcInfo& call_;
  CallObserver& observer_;
};

class CallInterceptorFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit CallInterceptorFactory(CallObserver& observer) : observer_(observer) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* call) override {
    return new CallInterceptor(*call, observer_);  // gRPC owns it
  }

 private:
  CallObserver& observer_;
};

}  // namespace

void SplitPath(std::string_view path, CallRecord& call) {
  for (const MethodAccess& entry : AllMethods()) {
    if (path.size() == entry.service.size() + entry.method.size() + 2 &&
        path.substr(1).starts_with(entry.service) && path.ends_with(entry.method)) {
      call.service = entry.service;
      call.method = entry.method;
      return;
    }
  }
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallInterceptor(
    CallObserver& observer) {
  return std::make_unique<CallInterceptorFactory>(observer);
}

}  // namespace daemoneye::rpc
