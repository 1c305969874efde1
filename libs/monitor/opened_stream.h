// OpenedStream: where a stream begins, as OpenStream worked it out from a request.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemoneye/v1/monitor_service.pb.h"
#include "libs/base/clock.h"
#include "libs/event_bus/event_bus.h"
#include "libs/monitor/monitor_backend.h"

namespace daemoneye::monitor {

struct OpenedStream {
  // Serialised control events that come first: stream_started, then each publisher.
  std::vector<std::string> preamble;
  // Serialised SNAPSHOT events, and the control event that closes them; empty without a snapshot.
  std::vector<std::string> snapshot;
  std::string snapshot_complete;
  std::unique_ptr<event_bus::Subscription> subscription;
  // With `follow` false: the last position to look at.
  std::optional<uint64_t> end_position;
  // Announcements told in the preamble.
  uint64_t announced_version = 0;
};

// Brings the state up to date where a snapshot is asked for, takes it, and places the cursor by the
// resume rules of StreamEventsRequest. Blocks until `deadline` at most for the refresh.
//
// `request` was validated, but for its filter: InvalidArgument names the field. ResourceExhausted:
// the bus has no room for one more subscriber.
absl::StatusOr<OpenedStream> OpenStream(MonitorBackend& backend,
                                        const v1::StreamEventsRequest& request,
                                        std::function<void()> on_ready, base::Monotonic deadline);

}  // namespace daemoneye::monitor
