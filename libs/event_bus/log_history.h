// LogHistory: positions of a bus's log that its ring no longer holds, as a store kept them.
//
// Threads: all methods from any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace daemoneye::event_bus {

class LogHistory {
 public:
  // A position and the event's bytes, as they were in the log.
  struct Position {
    uint64_t sequence = 0;
    std::string bytes;
  };

  virtual ~LogHistory() = default;

  // Positions behind `after_sequence`, in order, with holes where something is not kept; at most
  // `max_events` and, but for the first, `max_bytes`. Empty: nothing behind it is kept.
  virtual absl::StatusOr<std::vector<Position>> Read(uint64_t after_sequence, size_t max_events,
                                                     size_t max_bytes) const = 0;
};

}  // namespace daemoneye::event_bus
