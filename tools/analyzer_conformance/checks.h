// Checks: what an analyzer has to keep to, one by one; the comments of analyzer_service.proto and
// analysis.proto are the rules.
//
// Checks ask for nothing but harmless things about harmless targets: the tool's own process and
// /bin/true, unless others are given.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/analyzer_conformance/analyzer_caller.h"

namespace daemoneye::conformance {

struct Subject {
  std::string address;
  AnalyzerCaller& caller;
  // What it said when it was first asked.
  v1::NegotiateAnalysisResponse negotiated;
  // To be looked at; each exists.
  std::vector<v1::AnalysisTarget> targets;
  // The same as a process with another start time, which does not exist.
  v1::AnalysisTarget ended_process;
};

struct Check {
  std::string_view name;
  // Skip: it does not apply to this analyzer, and why. Any other error: how it is broken.
  std::function<absl::Status(const Subject&)> run;
};

// What does not apply.
absl::Status Skip(std::string_view why);
bool IsSkip(const absl::Status& status);
absl::Status Broken(std::string_view why);

// A request for the `index`th of what it can be asked (types, CUSTOM once for each custom type).
size_t KindCount(const v1::NegotiateAnalysisResponse& negotiated);
v1::AnalyzeRequest RequestOf(const Subject& subject, size_t index,
                             const v1::AnalysisTarget& target);
// "ANALYSIS_TYPE_CUSTOM deleted-files", for messages.
std::string KindName(const v1::AnalyzeRequest& request);
// The first request that it answered well; Skip where there is none.
absl::StatusOr<v1::AnalyzeRequest> GoodRequest(const Subject& subject);

// In the order they are run.
std::span<const Check> FormChecks();     // negotiation, health, reflection, answers
std::span<const Check> RefusalChecks();  // what it has to refuse, and how
std::span<const Check> LoadChecks();     // limits, deadlines, cancelled requests
std::span<const Check> HostileChecks();  // bytes of somebody who means ill; what became of it

}  // namespace daemoneye::conformance
