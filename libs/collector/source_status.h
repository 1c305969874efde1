// SourceStatus: what is known of one event source; RunningSources: what runs now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "libs/collector/event_source.h"

namespace daemoneye::collector {

// Numbers are those of v1::SourceState.
enum class SourceState : uint8_t {
  kCreated = 1,   // registered
  kStarting = 2,  // Start was called, or will be after a backoff
  kRunning = 3,   // sees events
  kDegraded = 4,  // failed often, or does not answer in time; still tried
  kStopping = 5,  // Stop was called
  kStopped = 6,
  kFailed = 7,  // cannot run here
};

// "created", "starting", ...
std::string_view SourceStateName(SourceState state);

struct SourceStatus {
  std::string name;
  SourceCaps caps = SourceCaps::kNone;
  std::vector<std::string> events;
  std::string needs;

  SourceState state = SourceState::kCreated;
  // True from a Start that succeeded to the Stop; also while a health check is overdue.
  bool is_running = false;
  // Why it is not running, or what it cannot see; empty when all is well.
  std::string detail;
  // Starts after the first.
  uint64_t restarts = 0;
  // Failures in a row.
  uint32_t failures = 0;
  // As SourceCounts, at the moment of asking.
  uint64_t observed = 0;
  std::optional<absl::Time> last_event_time;
  // What its last health check said, and when.
  std::optional<SourceHealth> health;
  std::optional<absl::Time> health_time;
};

struct RunningSources {
  // Union of those that run.
  SourceCaps caps = SourceCaps::kNone;
  std::vector<std::string> names;
  // One sentence: what changed last.
  std::string reason;
};

}  // namespace daemoneye::collector
