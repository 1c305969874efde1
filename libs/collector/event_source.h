// EventSource: something that observes the kernel and emits events; EventSink: where it emits them.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/event/event.h"

namespace daemoneye::collector {

// What a source can do: v1::SourceCap as bit flags.
enum class SourceCaps : uint32_t {
  kNone = 0,
  kProcess = 1,
  kNetwork = 2,
  kFilesystem = 4,
  kPerformance = 8,
  kRealtime = 16,
  kKernelLevel = 32,
  kSystemWide = 64,
};
constexpr SourceCaps operator|(SourceCaps a, SourceCaps b) {
  return static_cast<SourceCaps>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr SourceCaps operator&(SourceCaps a, SourceCaps b) {
  return static_cast<SourceCaps>(static_cast<uint32_t>(a) & static_cast<uint32_t>(b));
}
constexpr bool Contains(SourceCaps all, SourceCaps some) { return (all & some) == some; }

struct SourceDescriptor {
  // Stable, [a-z0-9-]; unique in a collector. Goes into CollectionEvent.source.
  std::string_view name;
  SourceCaps caps = SourceCaps::kNone;
  // Topics it gives, such as "events.process.start".
  std::vector<std::string> events;
  // What it needs, for a person: "CAP_BPF and kernel 5.8"; empty when nothing.
  std::string needs;
  // True where it polls: backpressure makes it wait. False: its queue is the kernel's.
  bool is_polling = true;
};

struct SourceHealth {
  // OK: it sees events. Anything else: why not, as the error of the last attempt; it is then
  // stopped and started again, or given up at PermissionDenied and Unimplemented.
  absl::Status status;
  // What it cannot see although it runs, for a person; empty when nothing.
  std::string limits;
  std::optional<absl::Time> last_event_time;
  // Polling sources only.
  std::optional<uint64_t> last_scan_read;
  std::optional<uint64_t> last_scan_total;
  std::optional<absl::Duration> last_scan_duration;
  std::optional<absl::Time> last_scan_time;
};

// Takes a source's events. Any thread.
class EventSink {
 public:
  virtual ~EventSink() = default;

  // Hands events over; an empty CollectionEvent.source becomes the source's name. Above the
  // collector's threshold it waits until it is not, at most max_backpressure_wait without progress,
  // then sheds what is left, counts it and returns ResourceExhausted. A batch larger than the whole
  // intake goes in piece by piece. FailedPrecondition after the source was stopped.
  virtual absl::Status Emit(event::EventList events) = 0;

  // Waits until the intake is below its threshold: for sources whose own queue is the kernel's,
  // before they read it. False at `deadline`.
  virtual bool AwaitRoom(base::Monotonic deadline) = 0;

  // Records what was lost before it could be emitted: becomes a loss event. `count` absent: not
  // known.
  virtual void ReportLoss(std::string_view stage, std::string_view reason,
                          std::optional<uint64_t> count) = 0;

  // Counts events that the source saw and its settings left out: `observed` and `filtered`.
  virtual void CountFiltered(uint64_t count) = 0;

  // Says that the source cannot go on, so that it is stopped and started again now and not at the
  // next health check. PermissionDenied, Unimplemented: not started again. Never blocks.
  virtual void ReportFailure(absl::Status status) { static_cast<void>(status); }
};

// Lifecycle:  Start, then Stop any number of times; started again after a failure. The runner that
//             drives it holds the state machine; a source has none. One that hangs in a call is
//             left behind when the collector stops: what it borrows then has to live as long as the
//             process.
// Threads:    Start and Stop from one thread; HealthCheck and Refresh from any, at any time.
class EventSource {
 public:
  virtual ~EventSource() = default;

  virtual const SourceDescriptor& descriptor() const = 0;

  // Quick; returns once the source is ready or has failed. The source owns its thread. `sink`
  // outlives Stop(). PermissionDenied, Unimplemented: cannot run here, ever. Any other error is
  // tried again.
  virtual absl::Status Start(EventSink& sink) = 0;

  // Returns when no Emit can follow.
  virtual void Stop() = 0;

  // Never blocks.
  virtual SourceHealth HealthCheck() const = 0;

  // Observes now what it would observe at its next turn, emits it and returns: so that a snapshot
  // is of this moment. Sources that report as things happen have nothing to do.
  virtual absl::Status Refresh(base::Monotonic deadline) {
    static_cast<void>(deadline);
    return absl::OkStatus();
  }
};

}  // namespace daemoneye::collector
