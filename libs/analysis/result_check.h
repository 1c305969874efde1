// Whether what a stage came to can be believed as far as its form goes.
#pragma once

#include "absl/status/status.h"
#include "daemoneye/v1/analysis.pb.h"

namespace daemoneye::analysis {

inline constexpr size_t kMaxResultBytes = 64 << 10;
inline constexpr int kMaxResultEvidence = 16;
inline constexpr size_t kMaxSummaryBytes = 1'024;

// Internal, and what is wrong: "result.confidence is 7, not 0 to 1".
absl::Status CheckResult(const v1::AnalysisResult& result);

}  // namespace daemoneye::analysis
