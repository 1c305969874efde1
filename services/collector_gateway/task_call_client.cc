#include "services/collector_gateway/task_call_client.h"

#include <utility>

#include "absl/time/clock.h"

namespace daemoneye::gateway {

struct TaskCalls::Call {
  enum class Phase { kStarting, kReading, kFinishing };

  explicit Call(size_t index) : index(index) {}

  const size_t index;
  Phase phase = Phase::kStarting;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReader<v1::ExecuteTaskResponse>> reader;
  v1::ExecuteTaskResponse response;
  grpc::Status status;
};

TaskCalls::TaskCalls(std::stop_token stop, absl::Duration timeout)
    : stop_(std::move(stop)), deadline_(absl::Now() + timeout) {}

TaskCalls::~TaskCalls() {
  for (const std::unique_ptr<Call>& call : calls_) call->context.TryCancel();
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

void TaskCalls::Add(const std::shared_ptr<grpc::Channel>& channel,
                    const v1::ExecuteTaskRequest& request) {
  calls_.push_back(std::make_unique<Call>(calls_.size()));
  Call& call = *calls_.back();
  call.context.set_deadline(absl::ToChronoTime(deadline_));
  call.reader = v1::MonitorService::NewStub(channel)->AsyncExecuteTask(&call.context, request,
                                                                       &queue_, &call);
}

void TaskCalls::Run(const std::function<bool(size_t, v1::ExecuteTaskResponse&)>& on_response,
                    const std::function<void(size_t, const absl::Status&)>& on_end) {
  const auto cancel_all = [this] {
    for (const std::unique_ptr<Call>& call : calls_) call->context.TryCancel();
  };
  const std::stop_callback cancel(stop_, cancel_all);
  size_t running = calls_.size();
  void* tag;
  bool ok;
  while (running > 0 && queue_.Next(&tag, &ok)) {
    Call& call = *static_cast<Call*>(tag);
    if (call.phase == Call::Phase::kFinishing) {
      on_end(call.index, absl::Status(static_cast<absl::StatusCode>(call.status.error_code()),
                                      call.status.error_message()));
      --running;
    } else if (!ok) {
      call.phase = Call::Phase::kFinishing;
      call.reader->Finish(&call.status, &call);
    } else {
      if (call.phase == Call::Phase::kReading && !on_response(call.index, call.response)) {
        cancel_all();
      }
      call.phase = Call::Phase::kReading;
      call.reader->Read(&call.response, &call);
    }
  }
}

}  // namespace daemoneye::gateway
