// The few socket calls that the metrics server needs around its vendor's.
#pragma once

#include "absl/status/status.h"
#include "libs/base/listen_address.h"

namespace daemoneye::metrics {

// Unavailable, with the kernel's reason, when a listener cannot be bound there.
absl::Status CheckBindable(const base::ListenAddress& address);

// Opens a connection to a listener at `address` (a wildcard: to this machine) and closes it.
void ConnectOnce(const base::ListenAddress& address);

}  // namespace daemoneye::metrics
