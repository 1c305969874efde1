#include "libs/event/correlation.h"

#include <fmt/format.h>

#include <algorithm>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"

namespace daemoneye::event {
namespace {

absl::Status CheckBytes(std::string_view field, std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("correlation.{}: {} bytes, at most {} are allowed",
                                                field, text.size(), max_bytes));
}

absl::Status CheckHex(std::string_view field, std::string_view text, size_t digits) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.empty() || (text.size() == digits && std::all_of(text.begin(), text.end(), is_hex))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("correlation.{}: must be {} lower-case hexadecimal digits", field, digits));
}

}  // namespace

absl::Status ValidateCorrelation(const v1::Correlation& correlation) {
  RETURN_IF_ERROR(
      CheckBytes("correlation_id", correlation.correlation_id(), kMaxCorrelationIdBytes));
  RETURN_IF_ERROR(CheckBytes("parent_id", correlation.parent_id(), kMaxCorrelationIdBytes));
  RETURN_IF_ERROR(CheckBytes("root_id", correlation.root_id(), kMaxCorrelationIdBytes));
  RETURN_IF_ERROR(
      CheckBytes("workflow_stage", correlation.workflow_stage(), kMaxWorkflowStageBytes));
  RETURN_IF_ERROR(CheckHex("trace_id", correlation.trace_id(), 32));
  RETURN_IF_ERROR(CheckHex("span_id", correlation.span_id(), 16));
  if (correlation.tags().size() > kMaxCorrelationTags) {
    return absl::InvalidArgumentError(
        fmt::format("correlation.tags: {} entries, at most {} are allowed",
                    correlation.tags().size(), kMaxCorrelationTags));
  }
  return absl::OkStatus();
}

v1::Correlation ChildOf(const v1::Correlation& parent, std::string_view id) {
  v1::Correlation child;
  child.set_correlation_id(std::string(base::Utf8Prefix(id, kMaxCorrelationIdBytes)));
  child.set_parent_id(parent.correlation_id());
  child.set_root_id(std::string(RootOf(parent)));
  child.set_workflow_stage(parent.workflow_stage());
  child.set_trace_id(parent.trace_id());
  return child;
}

void EnsureCorrelationId(Event& event, std::string_view fallback) {
  if (!event.correlation().correlation_id().empty()) return;
  std::string_view id = ProcessKeyOf(event);
  if (id.empty()) id = SubjectOf(event);
  if (id.empty()) id = fallback;
  id = base::Utf8Prefix(id, kMaxCorrelationIdBytes);
  event.mutable_correlation()->set_correlation_id(id.data(), id.size());
}

}  // namespace daemoneye::event
