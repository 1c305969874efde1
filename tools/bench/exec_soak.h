// The soak: procmond, a gateway and a client for as long as one likes, at a steady rate of execs.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace daemoneye::bench {

struct ExecSoakOptions {
  // Folder with services/ and tools/, such as bazel-bin.
  std::string bin;
  absl::Duration length = absl::Minutes(30);
  int execs_per_second = 500;
  // Between two lines.
  absl::Duration period = absl::Minutes(1);
  // What is read before then is not held to the bounds: rings and caches fill.
  absl::Duration warm_up = absl::Minutes(1);

  // By how much resident memory may differ from what it was after the warm-up.
  uint64_t max_rss_change_bytes = 2 << 20;
  // CPU an event of the last third of the periods against that of the first.
  double max_cpu_ratio = 1.25;
};

// Prints a line each period. FailedPrecondition: memory or CPU left their bounds. DataLoss: events
// are missing, told twice or wrong at the client behind the gateway.
absl::Status RunExecSoak(const ExecSoakOptions& options);

}  // namespace daemoneye::bench
