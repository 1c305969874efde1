// What is wrong with a request to AlertService.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/alert_service.pb.h"
#include "libs/storage/alert_store.h"

namespace daemoneye::gateway {

inline constexpr int kMaxAlertPage = 1000;
inline constexpr int kDefaultAlertPage = 100;
inline constexpr int kMaxFilterValues = 100;
inline constexpr size_t kMaxSinkNameBytes = 32;
inline constexpr size_t kMaxCommentBytes = 1024;
inline constexpr size_t kMaxAcknowledgedByBytes = 128;

// InvalidArgument names the field.
absl::Status Validate(const v1::StreamAlertsRequest& request);
absl::Status Validate(const v1::ListAlertsRequest& request);
absl::Status Validate(const v1::AcknowledgeAlertRequest& request);
absl::Status Validate(const v1::ListDeadLettersRequest& request);
absl::Status Validate(const v1::ReplayDeadLettersRequest& request);

// The sequence below which the page begins; 0: the first page. InvalidArgument.
absl::StatusOr<uint64_t> ParseAlertPageToken(const std::string& token);

// A page of dead letters begins behind that one: "SINK/SEQUENCE". Empty: the first page.
// InvalidArgument.
absl::StatusOr<storage::DeadLetterPosition> ParseDeadLetterPageToken(const std::string& token);
std::string DeadLetterPageToken(const v1::DeadLetter& last);

}  // namespace daemoneye::gateway
