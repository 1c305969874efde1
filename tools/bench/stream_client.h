// Typed, synchronous clients of MonitorService streams: what a user's program would be.
#pragma once

#include <string>

#include "daemoneye/v1/monitor_service.pb.h"

namespace daemoneye::bench {

struct StreamRun {
  // On the unix socket `path`.
  std::string path;
  bool is_batched = true;
  int subscribers = 1;
  // Events that each of them reads.
  size_t events = 0;
  v1::StreamEventsRequest request;
};

// Reads the streams at once, each over a connection of its own; events a second of all together,
// from the first event that arrives to the last. Aborts the benchmark when a stream ends early.
double EventsPerSecond(const StreamRun& run);

// A request that replays the server's whole ring from its beginning and ends.
v1::StreamEventsRequest ReplayRequest(const std::string& path);

}  // namespace daemoneye::bench
