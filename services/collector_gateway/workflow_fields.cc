#include "services/collector_gateway/workflow_fields.h"

#include <algorithm>
#include <string>

#include "fmt/format.h"
#include "libs/analysis/workflow_check.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/event/process_key.h"

namespace daemoneye::gateway {
namespace {

constexpr size_t kMaxMessageBytes = 1024;
constexpr int kMaxNames = 100;
constexpr size_t kMaxNameBytes = 512;
constexpr int kMaxAttackIds = 32;
constexpr size_t kMaxAttackIdBytes = 64;

absl::Status Wrong(std::string_view field, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", field, why));
}

absl::Status CheckCollection(const v1::CollectionStage& stage, const std::string& at) {
  if (!v1::TaskType_IsValid(stage.task_type())) return Wrong(at + ".task_type", "is no TaskType");
  if (stage.monitors_size() > kMaxNames) {
    return Wrong(at + ".monitors", fmt::format("more than {}", kMaxNames));
  }
  for (int i = 0; i < stage.monitors_size(); ++i) {
    if (!stage.monitors(i).empty() && stage.monitors(i).size() <= kMaxNameBytes) continue;
    return Wrong(fmt::format("{}.monitors[{}]", at, i),
                 fmt::format("must be 1 to {} bytes", kMaxNameBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckEnrichment(const v1::EnrichmentStage& stage, const std::string& at) {
  for (int i = 0; i < stage.add_size(); ++i) {
    const std::string field = fmt::format("{}.add[{}]", at, i);
    if (stage.add(i) == v1::ENRICHMENT_UNSPECIFIED || !v1::Enrichment_IsValid(stage.add(i))) {
      return Wrong(field, "is no Enrichment");
    }
    if (std::count(stage.add().begin(), stage.add().begin() + i, stage.add(i)) > 0) {
      return Wrong(field, v1::Enrichment_Name(stage.add(i)) + " is there twice");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAlerting(const v1::AlertingStage& stage, const std::string& at) {
  if (!v1::Severity_IsValid(stage.severity())) return Wrong(at + ".severity", "is no Severity");
  if (stage.attack_ids_size() > kMaxAttackIds) {
    return Wrong(at + ".attack_ids", fmt::format("more than {}", kMaxAttackIds));
  }
  for (int i = 0; i < stage.attack_ids_size(); ++i) {
    if (!stage.attack_ids(i).empty() && stage.attack_ids(i).size() <= kMaxAttackIdBytes) continue;
    return Wrong(fmt::format("{}.attack_ids[{}]", at, i),
                 fmt::format("must be 1 to {} bytes", kMaxAttackIdBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckSettings(const v1::Workflow& workflow) {
  for (int i = 0; i < workflow.stages_size(); ++i) {
    const v1::WorkflowStage& stage = workflow.stages(i);
    const std::string at = fmt::format("stages[{}]", i);
    RETURN_IF_ERROR(CheckCollection(stage.collection(), at + ".collection"));
    RETURN_IF_ERROR(CheckEnrichment(stage.enrichment(), at + ".enrichment"));
    RETURN_IF_ERROR(CheckAlerting(stage.alerting(), at + ".alerting"));
  }
  return absl::OkStatus();
}

absl::Status CheckAll(const v1::Workflow& workflow, bool needs_id) {
  if (workflow.managed_by() != v1::TRIGGER_MANAGER_UNSPECIFIED) {
    return Wrong("managed_by", "is set by the server");
  }
  if (workflow.has_updated_at()) return Wrong("updated_at", "is set by the server");
  if (workflow.ByteSizeLong() > kMaxWorkflowBytes) {
    return Wrong("stages", fmt::format("the workflow is larger than {} bytes", kMaxWorkflowBytes));
  }
  RETURN_IF_ERROR(analysis::CheckWorkflow(workflow, needs_id));
  return CheckSettings(workflow);
}

// What was wrong may be quoted in it.
absl::Status Printable(const absl::Status& status, std::string_view path) {
  if (status.ok()) return status;
  const std::string message(status.message());
  return absl::InvalidArgumentError(fmt::format(
      "{}{}", path, base::EscapeForTerminal(base::Utf8Prefix(message, kMaxMessageBytes))));
}

}  // namespace

absl::Status CheckWorkflowFields(const v1::Workflow& workflow, std::string_view path,
                                 bool needs_id) {
  return Printable(CheckAll(workflow, needs_id), path);
}

absl::Status CheckTargetFields(const v1::AnalysisTarget& target) {
  RETURN_IF_ERROR(Printable(analysis::CheckTarget(target), ""));
  const std::string& key = target.process_key();
  if (!key.empty() && !event::ParseProcessKey(key).has_value()) {
    return Wrong("target.process_key", "is no process_key: see ProcessEvent.process_key");
  }
  if (target.has_pid() && target.pid() == 0) return Wrong("target.pid", "must be 1 or more");
  return absl::OkStatus();
}

}  // namespace daemoneye::gateway
