// Tracers: what others have to see execs with, each run as its makers ship it.
//
// Each is optional: one that is not installed, or cannot run here, says so.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/bench/child_process.h"

namespace daemoneye::bench {

// One that runs; it ends with the object.
class Tracer {
 public:
  virtual ~Tracer() = default;
  // CPU so far, of all that it needs to see.
  virtual absl::Duration CpuTime() const = 0;
  // Ends it; of how many different runs of `/bin/true MARKn` it told the arguments.
  virtual size_t Finish() = 0;
};

struct TracerKind {
  std::string name;
  // Its output goes to a file in the directory. Unavailable: why it cannot run here.
  std::function<absl::StatusOr<std::unique_ptr<Tracer>>(const TempDirectory&)> start;
};

// execsnoop (libbpf-tools), forkstat and auditd.
std::vector<TracerKind> PeerTracers();

}  // namespace daemoneye::bench
