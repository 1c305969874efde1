#include "libs/analysis/workflow_check.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "libs/base/status_macros.h"
#include "libs/event/event_builder.h"

namespace daemoneye::analysis {
namespace {

constexpr size_t kMaxIdBytes = 128;
constexpr size_t kMaxTextBytes = 512;
constexpr size_t kMaxParameterBytes = 8 << 10;
constexpr int kMaxParameters = 32;
constexpr size_t kMaxSqlBytes = 64 << 10;
constexpr uint32_t kMaxRetries = 10;
constexpr uint32_t kMaxRecords = 1'000;
constexpr size_t kMaxPathBytes = 4'096;

using Kind = v1::WorkflowStageKind;
using Config = v1::WorkflowStage::ConfigCase;

absl::Status Wrong(std::string_view field, std::string_view message) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", field, message));
}

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && std::ranges::all_of(id, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

// The config that goes with a kind; it may be absent.
Config ConfigOf(Kind kind) {
  switch (kind) {
    case v1::WORKFLOW_STAGE_KIND_COLLECTION:
      return v1::WorkflowStage::kCollection;
    case v1::WORKFLOW_STAGE_KIND_ENRICHMENT:
      return v1::WorkflowStage::kEnrichment;
    case v1::WORKFLOW_STAGE_KIND_DETECTION:
      return v1::WorkflowStage::kDetection;
    case v1::WORKFLOW_STAGE_KIND_ALERTING:
      return v1::WorkflowStage::kAlerting;
    default:
      return v1::WorkflowStage::CONFIG_NOT_SET;
  }
}

absl::Status CheckAnalyzer(const v1::WorkflowStage& stage, const std::string& at) {
  const bool may_ask = stage.kind() == v1::WORKFLOW_STAGE_KIND_ANALYSIS ||
                       stage.kind() == v1::WORKFLOW_STAGE_KIND_DETECTION;
  if (!may_ask && !stage.analyzer().empty()) {
    return Wrong(at + ".analyzer", "goes with ANALYSIS and DETECTION only");
  }
  if (stage.kind() == v1::WORKFLOW_STAGE_KIND_ANALYSIS && stage.analyzer().empty()) {
    return Wrong(at + ".analyzer", "is needed with ANALYSIS");
  }
  if (!stage.analyzer().empty() && stage.analysis_type() == v1::ANALYSIS_TYPE_UNSPECIFIED) {
    return Wrong(at + ".analysis_type", "is needed with analyzer");
  }
  if (!v1::AnalysisType_IsValid(stage.analysis_type())) {
    return Wrong(at + ".analysis_type", "is not one of AnalysisType");
  }
  const bool is_custom = stage.analysis_type() == v1::ANALYSIS_TYPE_CUSTOM;
  if (is_custom == stage.custom_type().empty()) {
    return Wrong(at + ".custom_type", "goes with ANALYSIS_TYPE_CUSTOM, which needs it");
  }
  if (!stage.analyzer().empty() && !stage.detection().sql().empty()) {
    return Wrong(at + ".detection.sql", "not together with analyzer");
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers(const v1::WorkflowStage& stage, const std::string& at) {
  if (stage.has_timeout()) {
    const absl::Duration timeout = event::ToDuration(stage.timeout());
    if (timeout < absl::Milliseconds(100) || timeout > absl::Hours(1)) {
      return Wrong(at + ".timeout", "must be 100 ms to 1 h");
    }
  }
  if (stage.max_retries() > kMaxRetries) {
    return Wrong(at + ".max_retries", fmt::format("must be 0 to {}", kMaxRetries));
  }
  if (stage.collection().max_records() > kMaxRecords) {
    return Wrong(at + ".collection.max_records", fmt::format("must be at most {}", kMaxRecords));
  }
  if (stage.detection().sql().size() > kMaxSqlBytes) {
    return Wrong(at + ".detection.sql", fmt::format("longer than {} bytes", kMaxSqlBytes));
  }
  if (stage.alerting().title().size() > kMaxTextBytes) {
    return Wrong(at + ".alerting.title", fmt::format("longer than {} bytes", kMaxTextBytes));
  }
  size_t bytes = 0;
  for (const auto& [name, text] : stage.parameters()) bytes += name.size() + text.size();
  if (stage.parameters().size() > kMaxParameters || bytes > kMaxParameterBytes) {
    return Wrong(at + ".parameters", fmt::format("more than {} entries or {} bytes", kMaxParameters,
                                                 kMaxParameterBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckStage(const v1::WorkflowStage& stage, const std::string& at) {
  if (!IsId(stage.id())) {
    return Wrong(at + ".id",
                 fmt::format("must be 1 to {} of letters, digits and ._-", kMaxIdBytes));
  }
  if (stage.kind() == v1::WORKFLOW_STAGE_KIND_UNSPECIFIED ||
      !v1::WorkflowStageKind_IsValid(stage.kind())) {
    return Wrong(at + ".kind", "must be COLLECTION, ENRICHMENT, DETECTION, ALERTING or ANALYSIS");
  }
  if (stage.config_case() != v1::WorkflowStage::CONFIG_NOT_SET &&
      stage.config_case() != ConfigOf(stage.kind())) {
    return Wrong(at, "has the settings of another kind of stage");
  }
  RETURN_IF_ERROR(CheckAnalyzer(stage, at));
  return CheckNumbers(stage, at);
}

using Places = absl::flat_hash_map<std::string_view, int>;

absl::Status CheckNeeds(const v1::Workflow& workflow, int i, const Places& places) {
  const v1::WorkflowStage& stage = workflow.stages(i);
  for (int d = 0; d < stage.depends_on_size(); ++d) {
    const std::string at = fmt::format("stages[{}].depends_on[{}]", i, d);
    const std::string& name = stage.depends_on(d);
    if (name == stage.id()) return Wrong(at, "a stage cannot wait for itself");
    if (!places.contains(name)) return Wrong(at, fmt::format("no stage is named \"{}\"", name));
    if (std::find(stage.depends_on().begin(), stage.depends_on().begin() + d, name) !=
        stage.depends_on().begin() + d) {
      return Wrong(at, fmt::format("\"{}\" is there twice", name));
    }
  }
  for (int r = 0; r < stage.required_size(); ++r) {
    if (std::ranges::count(stage.depends_on(), stage.required(r)) == 0) {
      return Wrong(fmt::format("stages[{}].required[{}]", i, r),
                   fmt::format("\"{}\" is not in depends_on", stage.required(r)));
    }
  }
  return absl::OkStatus();
}

// Takes away, again and again, what waits for nothing: what is left are the cycles and what waits
// for them. One is followed until it closes.
absl::Status CheckCycles(const v1::Workflow& workflow, const Places& places) {
  std::vector<bool> is_free(workflow.stages_size(), false);
  const auto blocked_by = [&](int i) -> int {
    for (const std::string& name : workflow.stages(i).depends_on()) {
      if (!is_free[places.at(name)]) return places.at(name);
    }
    return -1;
  };
  bool has_changed = true;
  while (has_changed) {
    has_changed = false;
    for (int i = 0; i < workflow.stages_size(); ++i) {
      if (is_free[i] || blocked_by(i) >= 0) continue;
      is_free[i] = has_changed = true;
    }
  }
  const auto stuck = std::ranges::find(is_free, false);
  if (stuck == is_free.end()) return absl::OkStatus();
  std::vector<int> path;
  int at = static_cast<int>(stuck - is_free.begin());
  while (std::ranges::count(path, at) == 0) {
    path.push_back(at);
    at = blocked_by(at);
  }
  path.erase(path.begin(), std::ranges::find(path, at));
  path.push_back(at);
  std::vector<std::string_view> names;
  for (const int i : path) names.push_back(workflow.stages(i).id());
  return Wrong(fmt::format("stages[{}].depends_on", at),
               fmt::format("a cycle: {}", fmt::join(names, " waits for ")));
}

}  // namespace

absl::Status CheckWorkflow(const v1::Workflow& workflow, bool needs_id) {
  if ((needs_id || !workflow.id().empty()) && !IsId(workflow.id())) {
    return Wrong("id", fmt::format("must be 1 to {} of letters, digits and ._-", kMaxIdBytes));
  }
  if (workflow.description().size() > kMaxTextBytes) {
    return Wrong("description", fmt::format("longer than {} bytes", kMaxTextBytes));
  }
  if (workflow.has_timeout()) {
    const absl::Duration timeout = event::ToDuration(workflow.timeout());
    if (timeout < absl::Seconds(1) || timeout > absl::Hours(24)) {
      return Wrong("timeout", "must be 1 s to 24 h");
    }
  }
  if (workflow.stages().empty() || workflow.stages_size() > kMaxStages) {
    return Wrong("stages", fmt::format("1 to {} are needed", kMaxStages));
  }
  Places places;
  for (int i = 0; i < workflow.stages_size(); ++i) {
    const std::string at = fmt::format("stages[{}]", i);
    RETURN_IF_ERROR(CheckStage(workflow.stages(i), at));
    const auto [first, is_new] = places.emplace(workflow.stages(i).id(), i);
    if (!is_new) {
      return Wrong(at + ".id", fmt::format("\"{}\" is that of stages[{}] already", first->first,
                                           first->second));
    }
  }
  for (int i = 0; i < workflow.stages_size(); ++i) {
    RETURN_IF_ERROR(CheckNeeds(workflow, i, places));
  }
  return CheckCycles(workflow, places);
}

absl::Status CheckTarget(const v1::AnalysisTarget& target) {
  const std::string& path = target.path();
  if (target.process_key().empty() && !target.has_pid() && path.empty()) {
    return Wrong("target", "needs one of process_key, pid and path");
  }
  if (target.process_key().size() > kMaxTextBytes) {
    return Wrong("target.process_key", fmt::format("longer than {} bytes", kMaxTextBytes));
  }
  if (target.host().size() > kMaxTextBytes) {
    return Wrong("target.host", fmt::format("longer than {} bytes", kMaxTextBytes));
  }
  if (path.empty()) return absl::OkStatus();
  if (path.size() > kMaxPathBytes) {
    return Wrong("target.path", fmt::format("longer than {} bytes", kMaxPathBytes));
  }
  if (path.front() != '/') return Wrong("target.path", "must be absolute");
  if (path.find('\0') != std::string::npos) return Wrong("target.path", "has a zero byte");
  if ((path + "/").find("/../") != std::string::npos) {
    return Wrong("target.path", "must not have \"..\" elements");
  }
  return absl::OkStatus();
}

absl::Duration TimeoutOf(const v1::Workflow& workflow) {
  return workflow.has_timeout() ? event::ToDuration(workflow.timeout()) : kDefaultWorkflowTimeout;
}

absl::Duration TimeoutOf(const v1::WorkflowStage& stage) {
  return stage.has_timeout() ? event::ToDuration(stage.timeout()) : kDefaultStageTimeout;
}

uint32_t MaxRetriesOf(const v1::WorkflowStage& stage) {
  return stage.has_max_retries() ? stage.max_retries() : kDefaultMaxRetries;
}

}  // namespace daemoneye::analysis
