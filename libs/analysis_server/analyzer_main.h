// AnalyzerMain: a whole analyzer binary, given its Analysis.
//
//   int main(int argc, char** argv) {
//     return daemoneye::analysis_server::AnalyzerMain(argc, argv,
//                                                     {.name = "my-analyzer", .make = MakeParts});
//   }
//
// Metrics: analysis_requests_total{type,code}, analysis_seconds, analyses_running,
// analyses_refused_total{reason}, queue_length and queue_capacity{queue="analyses"}.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/types.pb.h"
#include "libs/analysis_server/analysis.h"
#include "libs/base/clock.h"
#include "libs/config/config.h"
#include "libs/linux/privilege/capability_set.h"
#include "libs/metrics/registry.h"

namespace daemoneye::analysis_server {

// What an analysis is made with; all of it outlives it.
struct AnalyzerContext {
  const config::Config& config;
  metrics::Registry& metrics;
  base::Clock& clock;
  // This host, as events name it.
  std::string host;
};

struct AnalyzerParts {
  std::unique_ptr<Analysis> analysis;
  // What a request may ask for.
  std::vector<v1::AnalysisType> types;
  std::vector<std::string> custom_types = {};
  // It sees this host's processes and files alone, so others' targets are none of its.
  bool is_bound_to_host = false;
  // Largest file or memory that is looked at; 0: any.
  uint64_t max_target_bytes = 0;
  // What it counts; ends before it.
  std::vector<metrics::CallbackHandle> metrics = {};
  // Takes over changed settings, and files that settings name; may be empty.
  std::function<absl::Status(const config::Config&)> reload = {};
};

struct AnalyzerDefinition {
  // The binary's name, and what triggers and workflows name.
  std::string name;
  // Of the Prometheus page on 127.0.0.1; 0: off unless --metrics_address says otherwise.
  uint16_t metrics_port = 0;
  // Its own settings, beside those that every server and every analyzer has.
  config::OptionTable options = {};
  std::function<absl::Status(const config::Config&)> check = {};
  std::function<absl::StatusOr<AnalyzerParts>(const AnalyzerContext&)> make;
  // As in monitor::ServerDefinition.
  std::function<privilege::CapabilitySet(const config::Config&)> capabilities = {};
};

// main() of an analyzer: see monitor::RunServer for its exit codes.
int AnalyzerMain(int argc, char** argv, const AnalyzerDefinition& definition);

}  // namespace daemoneye::analysis_server
