// Analyzer: somebody who can be asked to look closer: a server of its own, or a part of the
// gateway.
//
// Threads: all methods from any, none blocks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/analyzer_service.pb.h"
#include "libs/analysis/stage_runner.h"

namespace daemoneye::analysis {

class Analyzer {
 public:
  using Done = std::function<void(absl::StatusOr<v1::AnalysisResult>)>;

  virtual ~Analyzer() = default;

  // Where it is; empty: in this process.
  virtual std::string address() const { return ""; }
  // What it said when it was last asked; no name: it has not answered yet.
  virtual v1::NegotiateAnalysisResponse capabilities() const = 0;
  // Why it cannot be asked now; empty: it can.
  virtual std::string problem() const = 0;

  // Asks. `done` is called once, from any thread, at the latest a little after `timeout`, perhaps
  // before this returns.
  virtual std::unique_ptr<StageCall> Begin(const v1::AnalyzeRequest& request,
                                           absl::Duration timeout, Done done) = 0;
};

}  // namespace daemoneye::analysis
