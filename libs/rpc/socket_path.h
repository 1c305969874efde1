// Socket paths: makes sure that a unix socket can be bound safely where a user wants it.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "libs/base/listen_address.h"

namespace daemoneye::rpc {

// Readies `path` for bind(2). Makes its directory (0755) where there is none; refuses one that is
// not ours or root's, or that everybody can write to (FailedPrecondition). A socket that somebody
// answers on is AlreadyExists; a stale one is removed; a file of another kind is refused.
absl::Status PrepareSocketPath(const std::string& path);

// AlreadyExists or Unavailable, in one sentence, when a TCP port cannot be bound.
absl::Status CheckPortIsFree(const base::ListenAddress& address);

// Sets the umask of the process for a scope, so that a socket is never wider than it is to be.
// Only while the process starts: the umask belongs to all threads.
class ScopedUmask {
 public:
  explicit ScopedUmask(mode_t mask);
  ~ScopedUmask();
  ScopedUmask(const ScopedUmask&) = delete;
  ScopedUmask& operator=(const ScopedUmask&) = delete;

 private:
  const mode_t previous_;
};

}  // namespace daemoneye::rpc
