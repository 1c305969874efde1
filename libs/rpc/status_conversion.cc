#include "libs/rpc/status_conversion.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "libs/base/text.h"

namespace daemoneye::rpc {
namespace {

constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
// Of all details together: they share a header block with the message.
constexpr size_t kMaxDetailsBytes = 4096;

std::string SafeMessage(const absl::Status& status) {
  const std::string message(status.message().data(), status.message().size());
  return std::string(base::Utf8Prefix(base::IsUtf8(message) ? message : base::EscapeBytes(message),
                                      kMaxMessageBytes));
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message = SafeMessage(status);
  google::rpc::Status detailed;
  status.ForEachPayload([&detailed](auto type_url, const absl::Cord& payload) {
    google::protobuf::Any& detail = *detailed.add_details();
    detail.set_type_url(std::string(type_url.data(), type_url.size()));
    detail.set_value(std::string(payload));
  });
  if (detailed.details().empty()) return {code, message};
  detailed.set_code(code);
  detailed.set_message(message);
  if (detailed.ByteSizeLong() > kMaxDetailsBytes) return {code, message};
  return {code, message, detailed.SerializeAsString()};
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status detailed;
  if (status.error_details().empty() || !detailed.ParseFromString(status.error_details())) {
    return result;
  }
  for (const google::protobuf::Any& detail : detailed.details()) {
    result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return result;
}

absl::Status WithRetryInfo(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo info;
  const int64_t seconds = absl::IDivDuration(delay, absl::Seconds(1), &delay);
  info.mutable_retry_delay()->set_seconds(seconds);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
  status.SetPayload(kRetryInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

std::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryInfoUrl);
  google::rpc::RetryInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) return std::nullopt;
  return absl::Seconds(info.retry_delay().seconds()) +
         absl::Nanoseconds(info.retry_delay().nanos());
}

absl::Status InvalidField(std::string_view field, std::string_view description) {
  google::rpc::BadRequest bad;
  auto& violation = *bad.add_field_violations();
  violation.set_field(std::string(field));
  violation.set_description(std::string(description));
  absl::Status status = absl::InvalidArgumentError(fmt::format("{}: {}", field, description));
  status.SetPayload(kBadRequestUrl, absl::Cord(bad.SerializeAsString()));
  return status;
}

}  // namespace daemoneye::rpc
