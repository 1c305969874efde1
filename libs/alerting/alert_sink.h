// AlertSink: where alerts go: a terminal, a file, somebody's server.
//
// A sink only sends. Order, retries, what is pending and what is given up are SinkWorker's.
//
// Threads: Deliver from one; Reopen from any.
#pragma once

#include <cstddef>
#include <span>
#include <stop_token>

#include "absl/status/status.h"
#include "daemoneye/v1/alert.pb.h"

namespace daemoneye::alerting {

struct DeliveryResult {
  // So many of the first ones are where they were to go, for good.
  size_t delivered = 0;
  // Why the next one is not there. Ok: call again for the rest. InvalidArgument: it will never be
  // taken. Cancelled: told to stop. Anything else: worth trying again.
  absl::Status status;
};

class AlertSink {
 public:
  virtual ~AlertSink() = default;

  // Sends `alerts`, not empty, in order. Blocks for a bounded time (the sink's own timeout), and
  // returns soon after `stop`. An alert may have arrived although it is not told as delivered.
  virtual DeliveryResult Deliver(std::span<const v1::Alert> alerts, std::stop_token stop) = 0;

  // Looks at what it writes to anew (SIGHUP): a file that was moved away, a secret that changed.
  virtual void Reopen() {}
};

}  // namespace daemoneye::alerting
