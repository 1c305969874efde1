// Random UUIDs (RFC 9562, version 4) in text form: ids of streams and executions.
#pragma once

#include <string>
#include <string_view>

namespace daemoneye::event {

inline constexpr size_t kUuidBytes = 36;

std::string NewUuid();

// True for 8-4-4-4-12 lower-case hexadecimal digits.
bool IsUuid(std::string_view text);

}  // namespace daemoneye::event
