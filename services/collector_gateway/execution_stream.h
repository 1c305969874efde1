// ExecutionStream: all state of one WatchExecution call: the execution as it is, then each change
// until it has ended. Reads only when its last message has gone out, so a slow reader gets the
// latest and costs nobody memory or time.
//
// Lifecycle:  Create and hand to a port; ends itself, by Drain, or by the peer.
// Threads:    all methods from any; executions are read only in OnWake, by the loop's thread.
// Ownership:  shared by its port and the loop; borrows the rest, which outlives it.
// Cost:       nothing while nothing changes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/monitor/stream_loop.h"
#include "libs/rpc/stream_port.h"
#include "services/collector_gateway/execution_hub.h"
#include "services/collector_gateway/execution_view.h"

namespace daemoneye::gateway {

struct ExecutionStreamOptions {
  std::string execution_id;
  // A write that takes longer gives the peer up.
  absl::Duration write_timeout = absl::Seconds(60);
  // Called once when the port is done. May be empty.
  std::function<void()> on_done;
};

struct ExecutionStreamPorts {
  const ExecutionView& executions;
  ExecutionHub& hub;
  monitor::StreamLoop& loop;
  base::Clock& clock;
};

class ExecutionStream final : public rpc::StreamHandler,
                              public monitor::StreamLoop::Member,
                              public std::enable_shared_from_this<ExecutionStream> {
 public:
  static std::shared_ptr<ExecutionStream> Create(ExecutionStreamOptions options,
                                                 ExecutionStreamPorts ports);

  // Ends with UNAVAILABLE.
  void Drain();

  void OnStart(rpc::StreamPort& port) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  base::Monotonic OnWake() override;

 private:
  ExecutionStream(ExecutionStreamOptions options, ExecutionStreamPorts ports)
      : options_(std::move(options)), ports_(ports) {}

  base::Monotonic WaitForWriteLocked(base::Monotonic now) REQUIRES(mu_);
  void FinishLocked(const absl::Status& status) REQUIRES(mu_);

  const ExecutionStreamOptions options_;
  const ExecutionStreamPorts ports_;
  monitor::StreamLoop::Id loop_id_ = 0;

  // Of the loop's thread.
  uint64_t sent_revision_ = 0;
  bool has_ended_ = false;  // what was sent last

  base::Mutex mu_;
  rpc::StreamPort* port_ GUARDED_BY(mu_) = nullptr;  // null before OnStart and after Finish
  bool is_write_outstanding_ GUARDED_BY(mu_) = false;
  bool is_aborted_ GUARDED_BY(mu_) = false;
  base::Monotonic write_started_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::gateway
