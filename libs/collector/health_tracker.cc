#include "libs/collector/health_tracker.h"

#include <optional>
#include <utility>

#include "fmt/format.h"

namespace daemoneye::collector {

size_t HealthTracker::Add(const SourceDescriptor& descriptor) {
  base::MutexLock lock(mu_);
  SourceStatus& status = sources_.emplace_back();
  status.name = descriptor.name;
  status.caps = descriptor.caps;
  status.events = descriptor.events;
  status.needs = descriptor.needs;
  return sources_.size() - 1;
}

void HealthTracker::Set(size_t source, const Report& report) {
  std::optional<SourceStatus> changed;
  std::optional<RunningSources> running;
  {
    base::MutexLock lock(mu_);
    SourceStatus& status = sources_[source];
    const bool runs_change = status.is_running != report.is_running;
    const bool is_change =
        runs_change || status.state != report.state || status.detail != report.detail;
    status.state = report.state;
    status.is_running = report.is_running;
    status.detail = report.detail;
    status.restarts = report.restarts;
    status.failures = report.failures;
    if (is_change) changed = status;
    if (runs_change && !is_muted_) {
      running_reason_ = fmt::format("{} is {}{}{}", status.name, SourceStateName(status.state),
                                    status.detail.empty() ? "" : ": ", status.detail);
      running = RunningLocked();
    }
  }
  if (changed.has_value() && listeners_.on_source_changed) listeners_.on_source_changed(*changed);
  if (running.has_value() && listeners_.on_running_changed) listeners_.on_running_changed(*running);
}

void HealthTracker::SetHealth(size_t source, SourceHealth health, absl::Time now) {
  base::MutexLock lock(mu_);
  sources_[source].health = std::move(health);
  sources_[source].health_time = now;
}

void HealthTracker::MuteRunning() {
  base::MutexLock lock(mu_);
  is_muted_ = true;
}

std::vector<SourceStatus> HealthTracker::sources() const {
  base::MutexLock lock(mu_);
  return sources_;
}

bool HealthTracker::is_running(size_t source) const {
  base::MutexLock lock(mu_);
  return sources_[source].is_running;
}

SourceCaps HealthTracker::capabilities() const {
  base::MutexLock lock(mu_);
  SourceCaps caps = SourceCaps::kNone;
  for (const SourceStatus& status : sources_) caps = caps | status.caps;
  return caps;
}

RunningSources HealthTracker::running() const {
  base::MutexLock lock(mu_);
  return RunningLocked();
}

RunningSources HealthTracker::RunningLocked() const {
  RunningSources running;
  running.reason = running_reason_;
  for (const SourceStatus& status : sources_) {
    if (!status.is_running) continue;
    running.caps = running.caps | status.caps;
    running.names.push_back(status.name);
  }
  return running;
}

}  // namespace daemoneye::collector
