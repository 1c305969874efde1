// TaskCalls: ExecuteTask on many monitors at once, read by one thread.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace daemoneye::gateway {

class TaskCalls {
 public:
  // `stop` cancels every call; so does the end of `timeout`.
  TaskCalls(std::stop_token stop, absl::Duration timeout);
  ~TaskCalls();

  // Starts a call; its index is the number of calls before it.
  void Add(const std::shared_ptr<grpc::Channel>& channel, const v1::ExecuteTaskRequest& request);

  // Hands over every response with its call's index, then every end. False from `on_response`
  // cancels all calls. Returns when all have ended.
  void Run(const std::function<bool(size_t, v1::ExecuteTaskResponse&)>& on_response,
           const std::function<void(size_t, const absl::Status&)>& on_end);

 private:
  struct Call;

  const std::stop_token stop_;
  const absl::Time deadline_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Call>> calls_;
};

}  // namespace daemoneye::gateway
