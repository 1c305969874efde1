// Status conversion: absl::Status to grpc::Status and back, with google.rpc details.
//
// Details travel as the status's payloads, keyed by type URL, and as grpc-status-details-bin. A
// message is cut to kMaxMessageBytes, since it travels in a header.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace daemoneye::rpc {

inline constexpr size_t kMaxMessageBytes = 2048;

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

// `status` with google.rpc.RetryInfo: trying again may help after `delay`.
absl::Status WithRetryInfo(absl::Status status, absl::Duration delay);
// The delay of its RetryInfo; nullopt when it has none, or one that does not parse.
std::optional<absl::Duration> RetryDelay(const absl::Status& status);

// INVALID_ARGUMENT "field: description", with google.rpc.BadRequest.
absl::Status InvalidField(std::string_view field, std::string_view description);

}  // namespace daemoneye::rpc
