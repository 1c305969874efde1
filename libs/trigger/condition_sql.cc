#include "libs/trigger/condition_sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/status_macros.h"

namespace daemoneye::trigger {
namespace {

// The kernel keeps this much of a name.
constexpr size_t kCommBytes = 15;

bool IsGlob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

std::string AsciiLower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return lower;
}

absl::Status CheckPattern(std::string_view field, std::string_view pattern, size_t max_bytes) {
  if (pattern.empty()) return absl::InvalidArgumentError(fmt::format("{}: empty", field));
  if (pattern.size() > max_bytes) {
    return absl::InvalidArgumentError(fmt::format("{}: longer than {} bytes", field, max_bytes));
  }
  if (pattern.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(fmt::format("{}: a NUL byte is not allowed", field));
  }
  return absl::OkStatus();
}

// Contains `pattern`, ASCII case ignored; a glob where it is one. LIKE alone can be pushed down and
// indexed; where the pattern holds a wildcard of LIKE's, instr says what it says literally.
std::string PatternTerm(std::string_view column, std::string_view pattern) {
  if (IsGlob(pattern)) return fmt::format("{} GLOB {}", column, SqlLiteral(pattern));
  std::string term = fmt::format("{} LIKE {}", column, SqlLiteral(fmt::format("%{}%", pattern)));
  if (pattern.find_first_of("%_") != std::string_view::npos) {
    term += fmt::format(" AND instr(lower({}), {}) > 0", column, SqlLiteral(AsciiLower(pattern)));
  }
  return term;
}

// One of `names`, each a name or a glob.
template <typename Names>
absl::StatusOr<std::string> AnyOf(std::string_view field, std::string_view column,
                                  const Names& names) {
  if (names.empty() || names.size() > kMaxPatternsOfPair) {
    return absl::InvalidArgumentError(
        fmt::format("{}: 1 to {} names are needed", field, kMaxPatternsOfPair));
  }
  std::string list;
  std::vector<std::string> terms;
  for (const std::string& name : names) {
    RETURN_IF_ERROR(CheckPattern(field, name, kMaxNamePatternBytes));
    if (IsGlob(name)) {
      terms.push_back(fmt::format("{} GLOB {}", column, SqlLiteral(name)));
    } else {
      list += fmt::format("{}{}", list.empty() ? "" : ", ", SqlLiteral(name.substr(0, kCommBytes)));
    }
  }
  if (!list.empty()) terms.insert(terms.begin(), fmt::format("{} IN ({})", column, list));
  return fmt::format("({})", fmt::join(terms, " OR "));
}

absl::StatusOr<std::string> ParentChildSql(const v1::SuspiciousParentChild& rule) {
  constexpr std::string_view kField = "condition.suspicious_parent_child";
  if (rule.pairs_size() > kMaxPairs) {
    return absl::InvalidArgumentError(fmt::format("{}.pairs: more than {}", kField, kMaxPairs));
  }
  std::vector<std::string> pairs;
  for (int i = 0; i < rule.pairs_size(); ++i) {
    const std::string field = fmt::format("{}.pairs[{}]", kField, i);
    ASSIGN_OR_RETURN(const std::string parents,
                     AnyOf(field + ".parents", "parent_name", rule.pairs(i).parents()));
    ASSIGN_OR_RETURN(const std::string children,
                     AnyOf(field + ".children", "name", rule.pairs(i).children()));
    pairs.push_back(fmt::format("({} AND {})", parents, children));
  }
  return fmt::format("first_image AND ({})", fmt::join(pairs, " OR "));
}

absl::StatusOr<std::string> ResourceSql(const v1::ResourceAnomaly& rule) {
  constexpr std::string_view kField = "condition.resource_anomaly";
  std::vector<std::string> terms;
  if (rule.has_cpu_usage_percent()) {
    if (!(rule.cpu_usage_percent() > 0) || rule.cpu_usage_percent() > 1e9) {
      return absl::InvalidArgumentError(
          fmt::format("{}.cpu_usage_percent: must be above 0", kField));
    }
    terms.push_back(fmt::format("cpu_usage_percent > {:#}", rule.cpu_usage_percent()));
  }
  if (rule.has_memory_usage_bytes()) {
    if (rule.memory_usage_bytes() == 0 || rule.memory_usage_bytes() > INT64_MAX) {
      return absl::InvalidArgumentError(
          fmt::format("{}.memory_usage_bytes: must be above 0", kField));
    }
    terms.push_back(fmt::format("memory_usage_bytes > {}", rule.memory_usage_bytes()));
  }
  if (terms.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: cpu_usage_percent or memory_usage_bytes is needed", kField));
  }
  return fmt::format("({}) AND action <> 'STOP'", fmt::join(terms, " OR "));
}

// A baseline without a host holds on every one; a container has files of its own.
constexpr std::string_view kHashMismatchSql =
    "SELECT p.* FROM process_events p WHERE p.executable_hash > '' AND p.container_id IS NULL"
    " AND p.action NOT IN ('SAMPLE', 'STOP') AND EXISTS (SELECT 1 FROM hash_baseline b"
    " WHERE b.path = p.executable_path AND b.algorithm = p.hash_algorithm"
    " AND (b.host IS NULL OR b.host = p.host))"
    " AND NOT EXISTS (SELECT 1 FROM hash_baseline b"
    " WHERE b.path = p.executable_path AND b.algorithm = p.hash_algorithm"
    " AND (b.host IS NULL OR b.host = p.host) AND b.hash = p.executable_hash)";

// Where another file stands at the path, as after an upgrade, nothing is missing.
constexpr std::string_view kMissingExecutableSql =
    "file_exists = 0 AND on_disk_mismatch IS NOT 1 AND action NOT IN ('SAMPLE', 'STOP')";

}  // namespace

std::string SqlLiteral(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    literal += c;
    if (c == '\'') literal += c;
  }
  return literal + "'";
}

absl::StatusOr<std::string> ConditionSql(const v1::TriggerCondition& condition) {
  switch (condition.kind_case()) {
    case v1::TriggerCondition::kSql:
      return condition.sql();
    case v1::TriggerCondition::kProcessNamePattern: {
      const std::string& pattern = condition.process_name_pattern().pattern();
      RETURN_IF_ERROR(
          CheckPattern("condition.process_name_pattern.pattern", pattern, kMaxNamePatternBytes));
      return fmt::format("first_image AND {}", PatternTerm("name", pattern));
    }
    case v1::TriggerCondition::kExecutablePathPattern: {
      const std::string& pattern = condition.executable_path_pattern().pattern();
      RETURN_IF_ERROR(CheckPattern("condition.executable_path_pattern.pattern", pattern,
                                   kMaxPathPatternBytes - 2));
      return fmt::format("first_image AND {}", PatternTerm("executable_path", pattern));
    }
    case v1::TriggerCondition::kMissingExecutable:
      return std::string(kMissingExecutableSql);
    case v1::TriggerCondition::kHashMismatch:
      return std::string(kHashMismatchSql);
    case v1::TriggerCondition::kSuspiciousParentChild: {
      const v1::SuspiciousParentChild& rule = condition.suspicious_parent_child();
      return ParentChildSql(rule.pairs().empty() ? DefaultParentChild() : rule);
    }
    case v1::TriggerCondition::kResourceAnomaly:
      return ResourceSql(condition.resource_anomaly());
    case v1::TriggerCondition::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("condition: exactly one kind is needed, such as sql");
}

}  // namespace daemoneye::trigger
