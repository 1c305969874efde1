#include "libs/analysis_server/request_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "libs/analysis/workflow_check.h"
#include "libs/base/status_macros.h"

namespace daemoneye::analysis_server {
namespace {

constexpr size_t kMaxIdBytes = 256;
constexpr int kMaxParameters = 32;
constexpr size_t kMaxParameterBytes = 8 << 10;

absl::Status Wrong(std::string_view field, std::string_view message) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", field, message));
}

absl::Status CheckId(std::string_view field, const std::string& id) {
  if (id.size() <= kMaxIdBytes) return absl::OkStatus();
  return Wrong(field, fmt::format("longer than {} bytes", kMaxIdBytes));
}

absl::Status CheckContext(const v1::AnalysisContext& context) {
  RETURN_IF_ERROR(CheckId("context.trigger_id", context.trigger_id()));
  RETURN_IF_ERROR(CheckId("context.execution_id", context.execution_id()));
  RETURN_IF_ERROR(CheckId("context.stage_id", context.stage_id()));
  RETURN_IF_ERROR(CheckId("context.correlation_id", context.correlation_id()));
  if (context.parameters_size() > kMaxParameters) {
    return Wrong("context.parameters", fmt::format("more than {}", kMaxParameters));
  }
  size_t bytes = 0;
  for (const auto& [key, value] : context.parameters()) bytes += key.size() + value.size();
  if (bytes > kMaxParameterBytes) {
    return Wrong("context.parameters", fmt::format("longer than {} bytes", kMaxParameterBytes));
  }
  return absl::OkStatus();
}

std::string TypeName(int type) {
  if (!v1::AnalysisType_IsValid(type)) return fmt::format("type {}", type);
  return v1::AnalysisType_Name(type).substr(sizeof("ANALYSIS_TYPE_") - 1);
}

absl::Status CheckType(const v1::AnalyzeRequest& request,
                       const v1::NegotiateAnalysisResponse& can) {
  const v1::AnalysisType type = request.analysis_type();
  const bool is_custom = type == v1::ANALYSIS_TYPE_CUSTOM;
  if (type == v1::ANALYSIS_TYPE_UNSPECIFIED) return Wrong("analysis_type", "is needed");
  RETURN_IF_ERROR(CheckId("custom_type", request.custom_type()));
  if (is_custom && request.custom_type().empty()) {
    return Wrong("custom_type", "is needed with ANALYSIS_TYPE_CUSTOM");
  }
  if (!is_custom && !request.custom_type().empty()) {
    return Wrong("custom_type", "goes with ANALYSIS_TYPE_CUSTOM only");
  }
  if (std::ranges::count(can.analysis_types(), type) == 0) {
    std::vector<std::string> names;
    for (const int t : can.analysis_types()) names.push_back(TypeName(t));
    return absl::FailedPreconditionError(fmt::format("{} cannot do {}: it does {}", can.name(),
                                                     TypeName(type), fmt::join(names, ", ")));
  }
  if (is_custom && std::ranges::count(can.custom_types(), request.custom_type()) == 0) {
    return absl::FailedPreconditionError(fmt::format("{} has no analysis of that name: it has {}",
                                                     can.name(),
                                                     fmt::join(can.custom_types(), ", ")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRequest(const v1::AnalyzeRequest& request,
                          const v1::NegotiateAnalysisResponse& can) {
  RETURN_IF_ERROR(CheckId("request_id", request.request_id()));
  RETURN_IF_ERROR(CheckType(request, can));
  RETURN_IF_ERROR(analysis::CheckTarget(request.target()));
  RETURN_IF_ERROR(CheckContext(request.context()));
  if (!v1::TriggerPriority_IsValid(request.priority())) {
    return Wrong("priority", fmt::format("{} is not one of TriggerPriority",
                                         static_cast<int>(request.priority())));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::analysis_server
