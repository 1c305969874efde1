// ReadSecret: a password, token or key from a file of its own.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace daemoneye::alerting {

// The text of a secret's file without the white space around it. InvalidArgument: it cannot be
// read, is empty, is larger than 4 KiB, or others than owner and group may read it.
absl::StatusOr<std::string> ReadSecret(const std::string& path);

}  // namespace daemoneye::alerting
