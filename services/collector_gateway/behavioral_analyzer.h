// BehavioralAnalyzer: the built-in analyzer `behavioral` (BEHAVIORAL_ANALYSIS): how a process came
// about, held against what its host does otherwise. What it returns:
//
//   process, ancestry       as EnrichmentStage
//   siblings                living processes of the same parent; siblings_alike: with its image
//   unusual_parent          parent and child, where the default table of SuspiciousParentChild
//                           has them
//   starts_of_image         starts: of this image on this host in the 5 minutes up to the event;
//                           starts_before: the mean of 5 minutes in the hour before those
//   starts_of_parent        the same of the parent's children
//   first_seen              whether the store has no event of another process with this image and
//                           name on this host; history_s: how far the store goes back, and
//                           first_seen_is_limited: whether that is less than a day
//
// Findings, each a line of `findings`: unusual_parent (0.8); burst: 30 starts of the image, or of
// the parent's children, and ten times the mean before (0.6); first_seen, where the store goes back
// for a day or more (0.3). SUSPICIOUS with unusual_parent or burst; its confidence is that of the
// strongest finding, and 0.1 more for each other, up to 0.95. first_seen alone, or what could not
// be looked at: UNKNOWN. None, and all looked at: CLEAN, 0.6. NotFound: no such process is known.
//
// Threads:    BlockingStages' for the analysis; all methods from any.
// Ownership:  borrows the pool and what Ports names, which outlive it.
// Bounds:     max_concurrent at once, which AnalyzerPool keeps to; 30 s each.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "libs/analysis/analyzer.h"
#include "libs/base/clock.h"
#include "services/collector_gateway/blocking_stages.h"
#include "services/collector_gateway/process_lookup.h"

namespace daemoneye::gateway {

inline constexpr char kBehavioralAnalyzer[] = "behavioral";

struct BehavioralPorts {
  BlockingStages& stages;
  base::Clock& clock;
  ProcessLookup::Ports lookup;
  // Of the gateway.
  std::string version;
  // No more than the pool has threads.
  uint32_t max_concurrent = 2;
  // Whether what was seen of a host is whole. May be empty.
  std::function<v1::Completeness(const std::string& host)> completeness;
};

class BehavioralAnalyzer final : public analysis::Analyzer {
 public:
  explicit BehavioralAnalyzer(BehavioralPorts ports);

  v1::NegotiateAnalysisResponse capabilities() const override { return capabilities_; }
  std::string problem() const override { return ""; }
  std::unique_ptr<analysis::StageCall> Begin(const v1::AnalyzeRequest& request,
                                             absl::Duration timeout, Done done) override;

 private:
  absl::StatusOr<v1::AnalysisResult> Analyze(const v1::AnalyzeRequest& request, absl::Duration left,
                                             std::stop_token stop) const;

  const BehavioralPorts ports_;
  const ProcessLookup lookup_;
  v1::NegotiateAnalysisResponse capabilities_;
};

}  // namespace daemoneye::gateway
