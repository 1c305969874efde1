// HealthTracker: what is known of each source, and who is told when it changes.
//
// Threads:    Add before all else; Set from one thread; the rest from any.
// Ownership:  shared with calls under way, which may outlive the collector.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "libs/collector/source_status.h"

namespace daemoneye::collector {

class HealthTracker {
 public:
  struct Listeners {
    std::function<void(const SourceStatus&)> on_source_changed;
    std::function<void(const RunningSources&)> on_running_changed;
  };
  // What a runner says of its source.
  struct Report {
    SourceState state = SourceState::kCreated;
    bool is_running = false;
    std::string detail;
    uint64_t restarts = 0;
    uint32_t failures = 0;
  };

  explicit HealthTracker(Listeners listeners) : listeners_(std::move(listeners)) {}

  // Returns the source's number: 0, 1, ...
  size_t Add(const SourceDescriptor& descriptor);

  // Records `report` and tells the listeners, with no lock held, if state, detail or what runs
  // changed.
  void Set(size_t source, const Report& report);
  void SetHealth(size_t source, SourceHealth health, absl::Time now);

  // From here on nobody is told that what runs changed: the collector stops.
  void MuteRunning();

  std::vector<SourceStatus> sources() const;
  bool is_running(size_t source) const;
  // Union of all that were added.
  SourceCaps capabilities() const;
  RunningSources running() const;

 private:
  RunningSources RunningLocked() const REQUIRES(mu_);

  const Listeners listeners_;
  mutable base::Mutex mu_;
  std::vector<SourceStatus> sources_ GUARDED_BY(mu_);
  std::string running_reason_ GUARDED_BY(mu_);
  bool is_muted_ GUARDED_BY(mu_) = false;
};

}  // namespace daemoneye::collector
