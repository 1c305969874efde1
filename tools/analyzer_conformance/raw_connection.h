// ConnectRaw: a connection without gRPC, for bytes that are no call.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::conformance {

// `address` as gRPC takes it: unix:/path, unix:///path, or a.b.c.d:port. Unimplemented: another
// form. Unavailable: nobody takes it.
absl::StatusOr<base::UniqueFd> ConnectRaw(const std::string& address);

}  // namespace daemoneye::conformance
