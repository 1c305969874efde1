#include "tools/analyzer_conformance/checks.h"

#include "absl/strings/cord.h"
#include "fmt/format.h"

namespace daemoneye::conformance {
namespace {

constexpr char kSkip[] = "daemoneye.conformance/skip";

}  // namespace

absl::Status Skip(std::string_view why) {
  absl::Status status = absl::CancelledError(std::string(why));
  // No call's status has it.
  status.SetPayload(kSkip, absl::Cord());
  return status;
}

bool IsSkip(const absl::Status& status) { return status.GetPayload(kSkip).has_value(); }

absl::Status Broken(std::string_view why) { return absl::InternalError(std::string(why)); }

size_t KindCount(const v1::NegotiateAnalysisResponse& negotiated) {
  size_t count = 0;
  for (const int type : negotiated.analysis_types()) {
    count +=
        type == v1::ANALYSIS_TYPE_CUSTOM ? static_cast<size_t>(negotiated.custom_types_size()) : 1;
  }
  return count;
}

v1::AnalyzeRequest RequestOf(const Subject& subject, size_t index,
                             const v1::AnalysisTarget& target) {
  v1::AnalyzeRequest request;
  request.set_request_id("analyzer-conformance");
  *request.mutable_target() = target;
  for (const int type : subject.negotiated.analysis_types()) {
    request.set_analysis_type(static_cast<v1::AnalysisType>(type));
    if (type != v1::ANALYSIS_TYPE_CUSTOM) {
      if (index-- == 0) return request;
      continue;
    }
    const auto customs = static_cast<size_t>(subject.negotiated.custom_types_size());
    if (index < customs) {
      request.set_custom_type(subject.negotiated.custom_types(static_cast<int>(index)));
      return request;
    }
    index -= customs;
  }
  return request;
}

std::string KindName(const v1::AnalyzeRequest& request) {
  std::string name = v1::AnalysisType_Name(request.analysis_type());
  if (!request.custom_type().empty()) name += " " + request.custom_type();
  return name;
}

absl::StatusOr<v1::AnalyzeRequest> GoodRequest(const Subject& subject) {
  for (size_t i = 0; i < KindCount(subject.negotiated); ++i) {
    for (const v1::AnalysisTarget& target : subject.targets) {
      v1::AnalyzeRequest request = RequestOf(subject, i, target);
      if (subject.caller.AnalyzePatiently(request).status.ok()) return request;
    }
  }
  return Skip("it answers nothing");
}

}  // namespace daemoneye::conformance
