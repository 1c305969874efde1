// CollectorStatistics: the account of every event that a collector saw.
//
// At every moment observed = published + filtered + sum of dropped + pending; pending is 0 when
// nobody emits and the intake is empty.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace daemoneye::collector {

// Counts by v1::EventKind.
using CountByKind = std::array<uint64_t, 8>;

struct SourceCounts {
  std::string name;
  // As CollectorStatistics::observed, of this source.
  uint64_t observed = 0;
  // What it emitted; what it reported lost or filtered has no kind.
  CountByKind observed_by_kind = {};
  uint64_t snapshots = 0;
  // When it last emitted anything.
  std::optional<absl::Time> last_event_time;
};

// What one stage shed for one reason.
struct DropCount {
  std::string stage;
  std::string reason;
  uint64_t count = 0;
  // Losses whose extent nobody knows; not in `count`.
  uint64_t unknown = 0;
};

struct CollectorStatistics {
  // Events that sources emitted, filtered or know to have lost; snapshot events not counted, since
  // they are state.
  uint64_t observed = 0;
  // Those that became positions of the log.
  uint64_t published = 0;
  CountByKind published_by_kind = {};
  // Those that a source's settings left out.
  uint64_t filtered = 0;
  // Those that a bound shed.
  std::vector<DropCount> dropped;
  // Those on their way: handed to Emit and neither published nor shed yet.
  uint64_t pending = 0;

  // Loss events that the collector itself added to the log.
  uint64_t notices = 0;
  uint64_t snapshots = 0;
  // Snapshot events that were shed; also told by a loss event with reason "snapshot".
  uint64_t snapshots_dropped = 0;
  uint64_t batches = 0;

  // Events in the intake now.
  size_t queue_length = 0;
  size_t queue_capacity = 0;
  // Emit calls that had to wait.
  uint64_t backpressure_waits = 0;

  std::vector<SourceCounts> sources;

  uint64_t dropped_total() const {
    uint64_t total = 0;
    for (const DropCount& drop : dropped) total += drop.count;
    return total;
  }
};

}  // namespace daemoneye::collector
