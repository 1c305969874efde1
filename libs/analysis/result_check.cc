#include "libs/analysis/result_check.h"

#include "fmt/format.h"

namespace daemoneye::analysis {

absl::Status CheckResult(const v1::AnalysisResult& result) {
  // Also false for what is no number.
  if (!(result.confidence() >= 0 && result.confidence() <= 1)) {
    return absl::InternalError(
        fmt::format("result.confidence is {}, not 0 to 1", result.confidence()));
  }
  if (result.verdict() == v1::ANALYSIS_VERDICT_UNSPECIFIED ||
      !v1::AnalysisVerdict_IsValid(result.verdict())) {
    return absl::InternalError(fmt::format("result.verdict is {}, not one of AnalysisVerdict",
                                           static_cast<int>(result.verdict())));
  }
  if (result.summary().size() > kMaxSummaryBytes) {
    return absl::InternalError(
        fmt::format("result.summary is longer than {} bytes", kMaxSummaryBytes));
  }
  if (result.evidence_size() > kMaxResultEvidence) {
    return absl::InternalError(
        fmt::format("result.evidence has more than {} origins", kMaxResultEvidence));
  }
  if (result.ByteSizeLong() > kMaxResultBytes) {
    return absl::InternalError(fmt::format("result is longer than {} bytes", kMaxResultBytes));
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::analysis
