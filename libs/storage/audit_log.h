// AuditLog: who did what, one row an act.
//
// Threads: all methods from any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace daemoneye::storage {

struct AuditEntry {
  // Set by the log: 1, 2, 3, ...
  uint64_t sequence = 0;
  absl::Time time;
  // Who, as far as it is known: the name of a certificate, or the listener.
  std::string actor;
  // "viewer", "operator"; "server" for what the server did by itself.
  std::string role;
  // What: "/daemoneye.v1.TriggerService/CreateTrigger", or "config reload".
  std::string method;
  // To what: an id, a path.
  std::string target;
  // "OK" or the code of the error.
  std::string outcome;
  // Free text, cut at 4 KiB.
  std::string details;
};

class AuditLog {
 public:
  virtual ~AuditLog() = default;

  // Adds a row and returns its sequence. ResourceExhausted: the disk is full.
  virtual absl::StatusOr<uint64_t> Append(const AuditEntry& entry) = 0;
  // Oldest first, above `after_sequence`.
  virtual absl::StatusOr<std::vector<AuditEntry>> ReadAfter(uint64_t after_sequence,
                                                            size_t max_entries) const = 0;

  // Forgets rows older than `before`, and the oldest beyond the newest `max_kept`; how many, at
  // most `max_entries`.
  virtual absl::StatusOr<uint64_t> Prune(absl::Time before, uint64_t max_kept,
                                         size_t max_entries) = 0;
};

}  // namespace daemoneye::storage
