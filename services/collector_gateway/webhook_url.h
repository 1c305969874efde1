// CheckWebhookUrl: which URLs alerts may be posted to.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace daemoneye::gateway {

inline constexpr size_t kMaxUrlBytes = 2048;

// InvalidArgument: neither https nor, to this machine alone, http; no host; with a user, a fragment
// or anything that is not visible ASCII.
absl::Status CheckWebhookUrl(std::string_view url);

}  // namespace daemoneye::gateway
