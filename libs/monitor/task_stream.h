// TaskStream: all state of one ExecuteTask call.
//
// The task runs on a worker and hands over messages; a slow reader makes it wait, and one that does
// not read for write_timeout is given up.
//
// Lifecycle:  OnStart gives the port; Run runs the task on the caller's thread and ends the stream.
// Threads:    all methods from any; Run once.
// Ownership:  shared by its port and its worker.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/rpc/stream_port.h"

namespace daemoneye::monitor {

class TaskStream final : public rpc::StreamHandler {
 public:
  // Hands over one serialised message; blocks while more than kMaxPendingBytes wait. False: the
  // caller has gone, or the task was told to stop.
  using Send = std::function<bool(std::string)>;
  using Task = std::function<absl::Status(std::stop_token, const Send&)>;

  static constexpr size_t kMaxPendingBytes = 256 << 10;

  TaskStream(base::Clock& clock, absl::Duration write_timeout, std::function<void()> on_start,
             std::function<void()> on_done)
      : clock_(clock),
        write_timeout_(write_timeout),
        on_start_(std::move(on_start)),
        on_done_(std::move(on_done)) {}

  // Runs `task` and ends the stream with its status once everything is written.
  void Run(const Task& task);

  // Tells the task to stop; the stream ends with `status` unless the task ended before.
  void Stop(const absl::Status& status);

  void OnStart(rpc::StreamPort& port) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  bool Enqueue(std::string message);
  void PumpLocked() REQUIRES(mu_);
  void FinishLocked(const absl::Status& status) REQUIRES(mu_);

  base::Clock& clock_;
  const absl::Duration write_timeout_;
  const std::function<void()> on_start_;
  const std::function<void()> on_done_;
  std::stop_source stop_;

  base::Mutex mu_;
  base::CondVar room_;
  rpc::StreamPort* port_ GUARDED_BY(mu_) = nullptr;  // null before OnStart and after Finish
  bool is_write_outstanding_ GUARDED_BY(mu_) = false;
  bool is_stopped_ GUARDED_BY(mu_) = false;
  std::deque<std::string> pending_ GUARDED_BY(mu_);
  size_t pending_bytes_ GUARDED_BY(mu_) = 0;
  bool has_result_ GUARDED_BY(mu_) = false;
  absl::Status result_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::monitor
