#include "services/collector_gateway/alert_requests.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <string_view>

#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/event/uuid.h"

namespace daemoneye::gateway {
namespace {

constexpr size_t kMaxTextBytes = 4096;

absl::Status Bad(std::string_view field, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", field, why));
}

absl::Status CheckText(std::string_view field, const std::string& text, size_t max_bytes) {
  if (text.size() <= max_bytes) return absl::OkStatus();
  return Bad(field, fmt::format("{} bytes, at most {} are taken", text.size(), max_bytes));
}

template <typename Texts>
absl::Status CheckTexts(std::string_view field, const Texts& texts) {
  if (texts.size() > kMaxFilterValues) {
    return Bad(field, fmt::format("at most {} are taken", kMaxFilterValues));
  }
  for (const std::string& text : texts) RETURN_IF_ERROR(CheckText(field, text, kMaxTextBytes));
  return absl::OkStatus();
}

absl::Status CheckTime(std::string_view field, const google::protobuf::Timestamp& time) {
  using google::protobuf::util::TimeUtil;
  const bool is_time = time.seconds() >= TimeUtil::kTimestampMinSeconds &&
                       time.seconds() <= TimeUtil::kTimestampMaxSeconds && time.nanos() >= 0 &&
                       time.nanos() < 1'000'000'000;
  return is_time ? absl::OkStatus() : Bad(field, "is no time from the year 1 to 9999");
}

absl::Status CheckFilter(const v1::AlertFilter& filter) {
  if (!v1::Severity_IsValid(filter.minimum_severity())) {
    return Bad("filter.minimum_severity", "is no Severity");
  }
  if (!v1::AlertState_IsValid(filter.state())) return Bad("filter.state", "is no AlertState");
  RETURN_IF_ERROR(CheckTexts("filter.trigger_ids", filter.trigger_ids()));
  RETURN_IF_ERROR(CheckTexts("filter.hosts", filter.hosts()));
  RETURN_IF_ERROR(CheckText("filter.process_key", filter.process_key(), kMaxTextBytes));
  if (filter.has_since()) RETURN_IF_ERROR(CheckTime("filter.since", filter.since()));
  if (filter.has_until()) RETURN_IF_ERROR(CheckTime("filter.until", filter.until()));
  return absl::OkStatus();
}

absl::Status CheckDeadLetters(const std::string& sink, const std::string& alert_id) {
  if (!alert_id.empty() && !event::IsUuid(alert_id)) {
    return Bad("alert_id", "is no alert's id: want a UUID");
  }
  return CheckText("sink", sink, kMaxSinkNameBytes);
}

absl::Status BadPageToken() {
  return Bad("page_token", "is not the next_page_token of a page before");
}

absl::StatusOr<uint64_t> ParseSequence(std::string_view text) {
  uint64_t sequence = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, sequence);
  if (error != std::errc() || stop != end || sequence == 0 || sequence > INT64_MAX) {
    return BadPageToken();
  }
  return sequence;
}

}  // namespace

absl::Status Validate(const v1::StreamAlertsRequest& request) {
  return CheckFilter(request.filter());
}

absl::Status Validate(const v1::ListAlertsRequest& request) {
  if (request.page_size() < 0) return Bad("page_size", "want 0 or more");
  RETURN_IF_ERROR(ParseAlertPageToken(request.page_token()).status());
  return CheckFilter(request.filter());
}

absl::Status Validate(const v1::AcknowledgeAlertRequest& request) {
  if (!event::IsUuid(request.id())) return Bad("id", "is no alert's id: want a UUID");
  RETURN_IF_ERROR(CheckText("comment", request.comment(), kMaxCommentBytes));
  return CheckText("acknowledged_by", request.acknowledged_by(), kMaxAcknowledgedByBytes);
}

absl::Status Validate(const v1::ListDeadLettersRequest& request) {
  if (request.page_size() < 0) return Bad("page_size", "want 0 or more");
  RETURN_IF_ERROR(ParseDeadLetterPageToken(request.page_token()).status());
  return CheckDeadLetters(request.sink(), request.alert_id());
}

absl::Status Validate(const v1::ReplayDeadLettersRequest& request) {
  if (request.sink().empty() && request.alert_id().empty()) {
    return Bad("sink", "want a sink, an alert_id, or both");
  }
  return CheckDeadLetters(request.sink(), request.alert_id());
}

absl::StatusOr<uint64_t> ParseAlertPageToken(const std::string& token) {
  if (token.empty()) return 0;
  return ParseSequence(token);
}

absl::StatusOr<storage::DeadLetterPosition> ParseDeadLetterPageToken(const std::string& token) {
  if (token.empty()) return storage::DeadLetterPosition();
  const size_t slash = token.find('/');
  if (slash == std::string::npos || slash == 0 || slash > kMaxSinkNameBytes) return BadPageToken();
  ASSIGN_OR_RETURN(const uint64_t sequence,
                   ParseSequence(std::string_view(token).substr(slash + 1)));
  return storage::DeadLetterPosition{.sink = token.substr(0, slash), .sequence = sequence};
}

std::string DeadLetterPageToken(const v1::DeadLetter& last) {
  return fmt::format("{}/{}", last.sink(), last.alert().sequence());
}

}  // namespace daemoneye::gateway
