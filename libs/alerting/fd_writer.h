// WriteAll: writes bytes to a descriptor that may be slow, for a bounded time.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace daemoneye::alerting {

struct WriteResult {
  // So many bytes were taken.
  size_t written = 0;
  // DeadlineExceeded: the reader did not read; Cancelled: `stop`; ResourceExhausted: the disk is
  // full; Unavailable: any other error, named.
  absl::Status status;
};

// Returns when all of `bytes` is written, and at the latest after `timeout` without progress or
// soon after `stop`. A pipe is written in pieces that never block.
WriteResult WriteAll(int fd, std::string_view bytes, absl::Duration timeout,
                     const std::stop_token& stop);

}  // namespace daemoneye::alerting
