// StreamCore: all state of one StreamEvents or StreamEventBatches call.
//
// Opens on a worker (state brought up to date, snapshot taken, cursor placed), then writes what it
// was given and what its cursor reads, one message at a time: preamble, snapshot,
// snapshot_complete, live events with notices before them, heartbeats when there is nothing else.
// The cursor stays where it is while a write is outstanding, so a slow reader costs nobody memory
// or time.
//
// Lifecycle:  Create and hand to a port; OnStart opens it; ends itself, by Drain, or by the peer.
// Threads:    all methods from any. One mutex, held while the port is called (StreamPort).
// Ownership:  shared by its port, the loop and the worker that opens it; borrows the loop, the
//             clock and the announcements, which outlive it.
// Cost:       nothing while idle but a heartbeat; a message is a Poll and one allocation or two.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/pacer.h"
#include "libs/event_bus/event_bus.h"
#include "libs/monitor/announcements.h"
#include "libs/monitor/opened_stream.h"
#include "libs/monitor/stream_loop.h"
#include "libs/monitor/stream_message.h"
#include "libs/rpc/stream_port.h"

namespace daemoneye::monitor {

struct StreamCoreOptions {
  MessageLimits limits;
  // UUID of the log.
  std::string stream_id;
  // Events to end after; 0: no end.
  uint64_t max_events = 0;
  absl::Duration heartbeat_interval = absl::Seconds(15);
  // A write that takes longer gives the peer up.
  absl::Duration write_timeout = absl::Seconds(60);
  // Opens the stream and calls `done` once, from any thread, also before it returns. `on_ready` is
  // SubscribeOptions::on_ready.
  std::function<void(std::function<void()> on_ready,
                     std::function<void(absl::StatusOr<OpenedStream>)> done)>
      open;
  // From the kernel's event_time to the write, of one event a live message. May be empty.
  std::function<void(absl::Duration)> observe_latency;
  // Called once when the port is done. May be empty.
  std::function<void()> on_done;
};

class StreamCore final : public rpc::StreamHandler,
                         public StreamLoop::Member,
                         public std::enable_shared_from_this<StreamCore> {
 public:
  static std::shared_ptr<StreamCore> Create(StreamCoreOptions options, StreamLoop& loop,
                                            const Announcements& announcements, base::Clock& clock);

  // Writes what is in the log already, then ends with UNAVAILABLE; a stream still at its snapshot
  // ends at once.
  void Drain();

  void OnStart(rpc::StreamPort& port) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  base::Monotonic OnWake() override;

 private:
  StreamCore(StreamCoreOptions options, StreamLoop& loop, const Announcements& announcements,
             base::Clock& clock);

  void OnOpened(absl::StatusOr<OpenedStream> opened);
  // Does whatever can be done now: writes, polls, arms, ends. Then plans the next wake-up.
  void PumpLocked() REQUIRES(mu_);
  // One round; false when there is nothing more to do now.
  bool StepLocked(base::Monotonic now) REQUIRES(mu_);
  // Reads from the log into delivery_ and controls_. True when that changed what can be done now.
  bool PollLocked(base::Monotonic now) REQUIRES(mu_);
  // Nothing is left to send: a heartbeat if one is due, or waiting for what comes.
  bool IdleLocked(base::Monotonic now) REQUIRES(mu_);
  // Whether there is time to gather events: the interval is not over, and they fill no message yet.
  bool IsPacedLocked(base::Monotonic now) REQUIRES(mu_);
  bool HasPendingLocked() const REQUIRES(mu_);
  bool IsAtEndLocked() const REQUIRES(mu_);
  void WriteLocked(base::Monotonic now) REQUIRES(mu_);
  // Moves pending events into the message while they fit.
  void FillLocked(StreamMessage& message) REQUIRES(mu_);
  bool FillSnapshotLocked(StreamMessage& message) REQUIRES(mu_);
  void FillDeliveryLocked(StreamMessage& message) REQUIRES(mu_);
  void FinishLocked(const absl::Status& status) REQUIRES(mu_);
  // Lets go of the cursor and of all that is pending.
  void ReleaseLocked() REQUIRES(mu_);
  base::Monotonic DeadlineLocked(base::Monotonic now) const REQUIRES(mu_);
  uint64_t EventsLeftLocked() const REQUIRES(mu_);
  event_bus::DeliveryLimits PollLimitsLocked() const REQUIRES(mu_);
  void ObserveLocked(const event_bus::BatchSpan& span) REQUIRES(mu_);

  StreamCoreOptions options_;  // open is given up once it was called
  const std::shared_ptr<const std::string> suffix_;
  StreamLoop& loop_;
  const Announcements& announcements_;
  base::Clock& clock_;

  base::Mutex mu_;
  StreamLoop::Id loop_id_ GUARDED_BY(mu_) = 0;
  rpc::StreamPort* port_ GUARDED_BY(mu_) = nullptr;  // null before OnStart and after Finish
  bool is_write_outstanding_ GUARDED_BY(mu_) = false;
  bool is_aborted_ GUARDED_BY(mu_) = false;
  bool is_opened_ GUARDED_BY(mu_) = false;
  bool is_draining_ GUARDED_BY(mu_) = false;
  base::Monotonic write_started_ GUARDED_BY(mu_);
  base::Monotonic heartbeat_at_ GUARDED_BY(mu_) = StreamLoop::kNever;
  base::Monotonic poll_at_ GUARDED_BY(mu_);  // not before, unless a full message can be had
  // Positions of the log that fill a message, as far as the last ones tell.
  uint64_t full_positions_ GUARDED_BY(mu_) = std::numeric_limits<uint64_t>::max();
  base::Pacer pacer_ GUARDED_BY(mu_);
  uint64_t events_sent_ GUARDED_BY(mu_) = 0;
  uint64_t announced_version_ GUARDED_BY(mu_) = 0;

  // What is to be sent, in this order. Controls are unframed events.
  std::deque<std::string> controls_ GUARDED_BY(mu_);
  std::vector<std::string> snapshot_ GUARDED_BY(mu_);
  size_t snapshot_next_ GUARDED_BY(mu_) = 0;
  std::string snapshot_complete_ GUARDED_BY(mu_);
  event_bus::Delivery delivery_ GUARDED_BY(mu_);
  size_t span_next_ GUARDED_BY(mu_) = 0;     // span of delivery_
  uint32_t event_next_ GUARDED_BY(mu_) = 0;  // event of that span

  std::unique_ptr<event_bus::Subscription> subscription_ GUARDED_BY(mu_);
  std::optional<uint64_t> end_position_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::monitor
