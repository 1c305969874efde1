// HMAC-SHA256 (RFC 2104, FIPS 198-1), as lower-case hexadecimal.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::alerting {

// Internal: the crypto library failed.
absl::StatusOr<std::string> HmacSha256Hex(std::string_view key, std::string_view message);

}  // namespace daemoneye::alerting
