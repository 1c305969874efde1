#include "libs/trigger/trigger_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "libs/event/event_builder.h"

namespace daemoneye::trigger {
namespace {

constexpr size_t kMaxIdBytes = 128;
constexpr size_t kMaxDescriptionBytes = 512;
constexpr int kMaxAttackIds = 32;
constexpr int kMaxMetadata = 32;
constexpr size_t kMaxMetadataBytes = 8 << 10;
constexpr int kMaxTests = 64;
constexpr int kMaxTestEvents = 32;
constexpr uint32_t kMaxRate = 10'000;

using Problems = std::vector<v1::TriggerProblem>;

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && std::ranges::all_of(id, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

// "T1059" or "T1059.004".
bool IsAttackId(std::string_view id) {
  const auto digits = [](std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (id.size() != 5 && id.size() != 9) return false;
  if (id[0] != 'T' || !digits(id.substr(1, 4))) return false;
  return id.size() == 5 || (id[5] == '.' && digits(id.substr(6)));
}

void CheckTarget(const v1::Trigger& trigger, Problems* problems) {
  const bool has_analyzer = !trigger.target_collector().empty();
  const bool has_type = trigger.analysis_type() != v1::ANALYSIS_TYPE_UNSPECIFIED;
  if (has_analyzer && !trigger.workflow().empty()) {
    problems->push_back(Problem("workflow", "not together with target_collector"));
  }
  if (has_analyzer && !has_type) {
    problems->push_back(Problem("analysis_type", "is needed with target_collector"));
  }
  if (!has_analyzer && has_type) {
    problems->push_back(Problem("analysis_type", "goes with target_collector only"));
  }
}

void CheckNumbers(const v1::Trigger& trigger, Problems* problems) {
  if (trigger.has_dedup_window()) {
    const absl::Duration window = event::ToDuration(trigger.dedup_window());
    if (window < absl::ZeroDuration() || window > absl::Hours(24)) {
      problems->push_back(Problem("dedup_window", "must be 0 to 24 h"));
    }
  }
  if (trigger.has_rate_per_minute() &&
      (trigger.rate_per_minute() == 0 || trigger.rate_per_minute() > kMaxRate)) {
    problems->push_back(Problem("rate_per_minute", fmt::format("must be 1 to {}", kMaxRate)));
  }
  if (trigger.has_request_timeout()) {
    const absl::Duration timeout = event::ToDuration(trigger.request_timeout());
    if (timeout < absl::Seconds(1) || timeout > absl::Hours(1)) {
      problems->push_back(Problem("request_timeout", "must be 1 s to 1 h"));
    }
  }
  if (!v1::TriggerPriority_IsValid(trigger.priority())) {
    problems->push_back(Problem("priority", "is not one of TriggerPriority"));
  }
  if (!v1::Severity_IsValid(trigger.severity())) {
    problems->push_back(Problem("severity", "is not one of Severity"));
  }
}

void CheckCondition(const v1::Trigger& trigger, Problems* problems) {
  const v1::TriggerCondition& condition = trigger.condition();
  if (condition.has_window()) {
    const absl::Duration window = WindowOf(trigger);
    if (condition.kind_case() != v1::TriggerCondition::kSql) {
      problems->push_back(Problem("condition.window", "goes with sql only"));
    }
    if (window < kMinWindow || window > kMaxWindow) {
      problems->push_back(Problem("condition.window", "must be 1 s to 1 h"));
    }
  } else if (!condition.key().empty()) {
    problems->push_back(Problem("condition.key", "goes with window only"));
  }
  if (trigger.exceptions_size() > kMaxExceptions) {
    problems->push_back(Problem("exceptions", fmt::format("more than {}", kMaxExceptions)));
  }
}

void CheckTexts(const v1::Trigger& trigger, Problems* problems) {
  if (trigger.description().size() > kMaxDescriptionBytes) {
    problems->push_back(
        Problem("description", fmt::format("longer than {} bytes", kMaxDescriptionBytes)));
  }
  if (trigger.attack_ids_size() > kMaxAttackIds) {
    problems->push_back(Problem("attack_ids", fmt::format("more than {}", kMaxAttackIds)));
  }
  for (int i = 0; i < trigger.attack_ids_size(); ++i) {
    if (IsAttackId(trigger.attack_ids(i))) continue;
    problems->push_back(
        Problem(fmt::format("attack_ids[{}]", i), "is not like T1059 or T1059.004"));
  }
  size_t metadata_bytes = 0;
  for (const auto& [key, value] : trigger.metadata()) metadata_bytes += key.size() + value.size();
  if (trigger.metadata().size() > kMaxMetadata || metadata_bytes > kMaxMetadataBytes) {
    problems->push_back(Problem("metadata", fmt::format("more than {} entries or {} bytes",
                                                        kMaxMetadata, kMaxMetadataBytes)));
  }
}

void CheckTests(const v1::Trigger& trigger, Problems* problems) {
  if (trigger.tests_size() > kMaxTests) {
    problems->push_back(Problem("tests", fmt::format("more than {}", kMaxTests)));
  }
  for (int i = 0; i < trigger.tests_size(); ++i) {
    const int events = trigger.tests(i).events_size();
    if (events >= 1 && events <= kMaxTestEvents) continue;
    problems->push_back(Problem(fmt::format("tests[{}].events", i),
                                fmt::format("1 to {} are needed", kMaxTestEvents)));
  }
}

}  // namespace

v1::TriggerProblem Problem(std::string field, std::string message) {
  v1::TriggerProblem problem;
  problem.set_field(std::move(field));
  problem.set_message(std::move(message));
  return problem;
}

absl::Duration WindowOf(const v1::Trigger& trigger) {
  return event::ToDuration(trigger.condition().window());
}

std::vector<v1::TriggerProblem> CheckTrigger(const v1::Trigger& trigger, bool needs_id) {
  Problems problems;
  if ((needs_id || !trigger.id().empty()) && !IsId(trigger.id())) {
    problems.push_back(
        Problem("id", fmt::format("must be 1 to {} of letters, digits and ._-", kMaxIdBytes)));
  }
  CheckTexts(trigger, &problems);
  CheckCondition(trigger, &problems);
  CheckTarget(trigger, &problems);
  CheckNumbers(trigger, &problems);
  CheckTests(trigger, &problems);
  return problems;
}

}  // namespace daemoneye::trigger
