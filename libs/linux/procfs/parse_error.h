// ParseError: the one form of "these bytes are not what the kernel writes".
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace daemoneye::procfs {

// DataLoss with the file, the field and up to 64 bytes of `at`, made safe to print.
absl::Status ParseError(std::string_view file, std::string_view field, std::string_view at);

}  // namespace daemoneye::procfs
