// Analysis: what an analyzer does with one request. All else (negotiation, limits, queue,
// deadlines, cancellation, the wire) is the same for every analyzer.
//
// Threads: Check from any and quick; Analyze from as many workers at once as max_concurrent says.
#pragma once

#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/analyzer_service.pb.h"
#include "libs/base/clock.h"

namespace daemoneye::analysis_server {

// One request, whose fields have been checked as far as every analyzer wants the same of them.
struct AnalysisWork {
  const v1::AnalyzeRequest& request;
  // After this nobody waits for the answer.
  base::Monotonic deadline;
  // Nobody does: cancelled, past the deadline, or the server ends.
  const std::stop_token& stop;
};

class Analysis {
 public:
  virtual ~Analysis() = default;

  // InvalidArgument: "field: what would be right", for what only this analysis knows.
  virtual absl::Status Check(const v1::AnalyzeRequest& request) const {
    static_cast<void>(request);
    return absl::OkStatus();
  }

  // NotFound: there is no such target, or none that may be looked at, in the same words.
  // ResourceExhausted: beyond a limit. Should look at `stop` now and then: one that does not keeps
  // its place, but nobody waits for it.
  virtual absl::StatusOr<v1::AnalysisResult> Analyze(const AnalysisWork& work) = 0;
};

}  // namespace daemoneye::analysis_server
