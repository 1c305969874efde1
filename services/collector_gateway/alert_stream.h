// AlertStream: all state of one StreamAlerts call.
//
// Begins with a heartbeat, which tells the newest sequence; then what the store holds after the
// position asked for, told what it holds no longer, and what is raised from then on. Reads only
// when its last message has gone out, so a slow reader costs nobody memory or time.
//
// Lifecycle:  Create and hand to a port; ends itself, by Drain, or by the peer.
// Threads:    all methods from any; the store is read only in OnWake, by the loop's thread.
// Ownership:  shared by its port and the loop; borrows store, loop and clock, which outlive it.
// Cost:       nothing while idle but a heartbeat every 15 s.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "daemoneye/v1/alert_service.pb.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/monitor/stream_loop.h"
#include "libs/rpc/stream_port.h"
#include "libs/storage/alert_store.h"

namespace daemoneye::gateway {

struct AlertStreamOptions {
  // Valid.
  v1::StreamAlertsRequest request;
  absl::Duration heartbeat_interval = absl::Seconds(15);
  // A write that takes longer gives the peer up.
  absl::Duration write_timeout = absl::Seconds(60);
  // Called once when the port is done. May be empty.
  std::function<void()> on_done;
};

class AlertStream final : public rpc::StreamHandler,
                          public monitor::StreamLoop::Member,
                          public std::enable_shared_from_this<AlertStream> {
 public:
  static std::shared_ptr<AlertStream> Create(AlertStreamOptions options,
                                             const storage::AlertStore& store,
                                             monitor::StreamLoop& loop, base::Clock& clock);

  // Ends with UNAVAILABLE.
  void Drain();

  void OnStart(rpc::StreamPort& port) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  base::Monotonic OnWake() override;

 private:
  AlertStream(AlertStreamOptions options, const storage::AlertStore& store,
              monitor::StreamLoop& loop, base::Clock& clock)
      : options_(std::move(options)), store_(store), loop_(loop), clock_(clock) {}

  // Reads on into messages_; by the loop's thread.
  absl::Status Read();
  // Where to begin, and what is missing before it.
  absl::Status Place(const storage::AlertRange& range);
  void Add(const v1::StreamAlertsResponse& message);
  void AddHeartbeat();
  bool IsAtEnd() const { return end_.has_value() && after_ >= *end_; }
  base::Monotonic WaitForWriteLocked(base::Monotonic now) REQUIRES(mu_);
  void WriteLocked(base::Monotonic now) REQUIRES(mu_);
  void FinishLocked(const absl::Status& status) REQUIRES(mu_);

  const AlertStreamOptions options_;
  const storage::AlertStore& store_;
  monitor::StreamLoop& loop_;
  base::Clock& clock_;
  monitor::StreamLoop::Id loop_id_ = 0;

  // Of the loop's thread.
  std::deque<std::string> messages_;
  bool is_placed_ = false;
  uint64_t after_ = 0;
  uint64_t newest_ = 0;
  std::optional<uint64_t> end_;  // not followed: the newest when it began
  base::Monotonic heartbeat_at_;

  base::Mutex mu_;
  rpc::StreamPort* port_ GUARDED_BY(mu_) = nullptr;  // null before OnStart and after Finish
  bool is_write_outstanding_ GUARDED_BY(mu_) = false;
  bool is_aborted_ GUARDED_BY(mu_) = false;
  base::Monotonic write_started_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::gateway
