// Privileges: what this process may do beyond its user, and how it gives up what it does not need.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/linux/privilege/capability_set.h"

namespace daemoneye::privilege {

struct Privileges {
  // Effective.
  uint32_t user_id = 0;
  CapabilitySet effective;
  CapabilitySet permitted;
  CapabilitySet inheritable;
  CapabilitySet ambient;
  // The most that a program which it executes can be given.
  CapabilitySet bounding;
  // prctl(2), PR_SET_NO_NEW_PRIVS: no program that it executes gains any.
  bool has_no_new_privileges = false;

  friend bool operator==(const Privileges&, const Privileges&) = default;
};

// Those of the calling thread. Some 90 calls of the kernel, none of which blocks.
absl::StatusOr<Privileges> ReadPrivileges();

// Gives up, for good, every capability but those of `needed` that the process is permitted:
//
//   effective, permitted   what is kept, also where it was permitted and not yet effective
//   inheritable, ambient   none
//   bounding               none: what it executes has no capability. Without CAP_SETPCAP it stays
//                          as it was, and no_new_privs alone keeps it from being of use
//   no_new_privs           set
//
// What it has then. Call it before the first thread is started: the kernel holds privileges for
// each thread, and threads inherit them. FailedPrecondition: there is more than one. Internal: the
// kernel did not do as it was told.
absl::StatusOr<Privileges> DropPrivileges(CapabilitySet needed);

}  // namespace daemoneye::privilege
