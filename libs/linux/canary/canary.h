// Canary: a child that ends at once, started so that who watches processes can prove that it sees.
//
// Its program is part of this one and lies in a sealed memfd: nothing else is installed, and nobody
// can put something in its place. Started without copying memory (posix_spawn), reaped by its pid.
//
// Threads:    one at a time.
// Ownership:  the memfd, and the child until it is reaped.
// Cost:       some 100 µs a canary with its reaping (canary_test prints it).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::canary {

class Canary {
 public:
  // Starts one to see whether it can be. PermissionDenied: memfds may not be executed here
  // (vm.memfd_noexec, an LSM, seccomp). ResourceExhausted, Unavailable: not now. Where SIGCHLD is
  // ignored, which a process inherits, it is so no longer: else the kernel reaped the child, and
  // its pid were anybody's.
  static absl::StatusOr<std::unique_ptr<Canary>> Create();
  // Kills and reaps what still runs.
  ~Canary();
  Canary(const Canary&) = delete;
  Canary& operator=(const Canary&) = delete;

  // Starts one; its pid is its own until Reap(). As Create; FailedPrecondition: the one before was
  // not reaped.
  absl::StatusOr<uint32_t> Spawn();

  // Waits for its end, at most `patience`, and reaps it. Unavailable: it still runs; it is killed
  // then, and may be reaped later. OK where there is none.
  absl::Status Reap(absl::Duration patience);

 private:
  explicit Canary(base::UniqueFd program) : program_(std::move(program)) {}

  base::UniqueFd program_;
  pid_t pid_ = 0;  // 0: none
};

}  // namespace daemoneye::canary
