#include "services/collector_gateway/detection_stage.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "fmt/format.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/status_macros.h"
#include "libs/event/event_builder.h"
#include "services/collector_gateway/stage_verdict.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {
namespace {

constexpr uint64_t kMaxRows = 100;
constexpr size_t kMaxValueBytes = 256 << 10;
constexpr size_t kMaxRowBytes = 16 << 10;

// What a statement is given, and what of it had to be left out.
struct Parameters {
  storage::NamedParameters values;
  std::vector<std::string> left_out;
};

std::string JsonOf(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : "";
}

v1::Cell TextCell(std::string text) {
  v1::Cell cell;
  if (!text.empty()) cell.set_string(std::move(text));
  return cell;
}

Struct EntryOf(const v1::StageExecution& state, bool with_result) {
  Struct entry;
  PutText("status", NameOf(state.status()), entry);
  PutText("error", state.error(), entry);
  if (!state.has_result()) return entry;
  const v1::AnalysisResult& result = state.result();
  PutText("verdict", NameOf(result.verdict()), entry);
  PutNumber("confidence", result.confidence(), entry);
  PutBool("authoritative", result.authoritative(), entry);
  PutText("summary", result.summary(), entry);
  if (with_result) PutObject("result", entry) = result.result();
  return entry;
}

// JSON of the stages before. The largest results go first where all do not fit.
std::string ResultsJson(const v1::WorkflowExecution& execution, const std::vector<int>& before,
                        std::vector<std::string>& left_out) {
  std::vector<bool> is_whole(before.size(), true);
  while (true) {
    Struct results;
    std::optional<size_t> largest;
    size_t largest_bytes = 0;
    for (size_t i = 0; i < before.size(); ++i) {
      const v1::StageExecution& state = execution.stages(before[i]);
      PutObject(state.stage_id(), results) = EntryOf(state, is_whole[i]);
      const size_t bytes = state.result().result().ByteSizeLong();
      if (!is_whole[i] || bytes <= largest_bytes) continue;
      largest = i;
      largest_bytes = bytes;
    }
    std::string json = JsonOf(results);
    if (json.size() <= kMaxValueBytes || !largest.has_value()) return json;
    is_whole[*largest] = false;
    left_out.push_back(fmt::format("stage {}: its result does not fit :results",
                                   execution.stages(before[*largest]).stage_id()));
  }
}

Parameters ParametersOf(const v1::WorkflowExecution& execution, const std::vector<int>& before) {
  Parameters out;
  const v1::AnalysisTarget& target = execution.target();
  out.values[":process_key"] = TextCell(target.process_key());
  v1::Cell& pid = out.values[":pid"];
  if (target.has_pid()) pid.set_int64(target.pid());
  out.values[":path"] = TextCell(target.path());
  out.values[":host"] = TextCell(target.host());
  out.values[":correlation_id"] = TextCell(execution.correlation_id());
  std::string event = execution.has_event() ? JsonOf(execution.event()) : "";
  if (event.size() > kMaxValueBytes) {
    event.clear();
    out.left_out.emplace_back("the event does not fit :event");
  }
  out.values[":event"] = TextCell(std::move(event));
  out.values[":results"] = TextCell(ResultsJson(execution, before, out.left_out));
  return out;
}

// The value of the column `name` of the first row; null: there is no such column, or NULL.
const v1::Cell* ValueOf(const QueryEngine::Answer& answer, std::string_view name) {
  for (size_t i = 0; i < answer.columns.size(); ++i) {
    if (!absl::EqualsIgnoreCase(answer.columns[i], {name.data(), name.size()})) continue;
    const v1::Cell& cell = answer.rows[0].cells(static_cast<int>(i));
    const bool is_null = cell.value_case() == v1::Cell::VALUE_NOT_SET || cell.has_null();
    return is_null ? nullptr : &cell;
  }
  return nullptr;
}

std::string TextOf(const v1::Cell& cell) {
  switch (cell.value_case()) {
    case v1::Cell::kString:
      return cell.string();
    case v1::Cell::kInt64:
      return std::to_string(cell.int64());
    case v1::Cell::kDouble:
      return fmt::format("{}", cell.double_());
    case v1::Cell::kBytes:
      return fmt::format("{} bytes", cell.bytes().size());
    default:
      return "";
  }
}

absl::Status WrongValue(std::string_view column, const v1::Cell& cell, std::string_view right) {
  return absl::InvalidArgumentError(
      fmt::format("detection.sql: column {} is \"{}\", not {}", column,
                  std::string(base::Utf8Prefix(TextOf(cell), 64)), right));
}

// A name of the enum with the prefix or without, in any case.
template <typename Enum, typename Parse>
absl::StatusOr<Enum> ParseEnum(std::string_view column, const v1::Cell& cell,
                               std::string_view prefix, std::string_view right,
                               const Parse& parse) {
  std::string name = absl::AsciiStrToUpper(TextOf(cell));
  if (!absl::StartsWith(name, {prefix.data(), prefix.size()})) name.insert(0, prefix);
  Enum value = {};
  if (!parse(name, &value) || value == Enum{}) return WrongValue(column, cell, right);
  return value;
}

// What the first row says, taken over.
absl::Status TakeRow(const QueryEngine::Answer& answer, v1::AnalysisResult& result) {
  result.set_verdict(v1::ANALYSIS_VERDICT_SUSPICIOUS);
  result.set_confidence(1);
  result.set_authoritative(true);
  if (const v1::Cell* cell = ValueOf(answer, "verdict"); cell != nullptr) {
    ASSIGN_OR_RETURN(const auto verdict,
                     ParseEnum<v1::AnalysisVerdict>("verdict", *cell, "ANALYSIS_VERDICT_",
                                                    "UNKNOWN, CLEAN, SUSPICIOUS or MALICIOUS",
                                                    v1::AnalysisVerdict_Parse));
    result.set_verdict(verdict);
  }
  if (const v1::Cell* cell = ValueOf(answer, "severity"); cell != nullptr) {
    ASSIGN_OR_RETURN(
        const auto severity,
        ParseEnum<v1::Severity>("severity", *cell, "SEVERITY_",
                                "INFO, LOW, MEDIUM, HIGH or CRITICAL", v1::Severity_Parse));
    PutText("severity", v1::Severity_Name(severity).substr(sizeof("SEVERITY_") - 1),
            *result.mutable_result());
  }
  if (const v1::Cell* cell = ValueOf(answer, "confidence"); cell != nullptr) {
    const double confidence = cell->has_int64()     ? static_cast<double>(cell->int64())
                              : cell->has_double_() ? cell->double_()
                                                    : std::nan("");
    if (!(confidence >= 0 && confidence <= 1)) return WrongValue("confidence", *cell, "0 to 1");
    result.set_confidence(confidence);
  }
  if (const v1::Cell* cell = ValueOf(answer, "summary"); cell != nullptr) {
    result.set_summary(std::string(base::Utf8Prefix(TextOf(*cell), kMaxFieldBytes / 2)));
  }
  return absl::OkStatus();
}

// The first row as it is, within its bound.
void PutRow(const QueryEngine::Answer& answer, Struct& out) {
  Struct row;
  for (size_t i = 0; i < answer.columns.size(); ++i) {
    const v1::Cell& cell = answer.rows[0].cells(static_cast<int>(i));
    if (cell.has_int64()) {
      PutNumber(answer.columns[i], static_cast<double>(cell.int64()), row);
    } else if (cell.has_double_()) {
      PutNumber(answer.columns[i], cell.double_(), row);
    } else {
      PutText(answer.columns[i], TextOf(cell), row);
    }
    if (row.ByteSizeLong() > kMaxRowBytes) return;
  }
  PutObject("row", out) = std::move(row);
}

v1::AnalysisResult OfStagesBefore(const analysis::StageWork& work) {
  const v1::WorkflowExecution& execution = *work.execution;
  const WeighedVerdict weighed =
      WeighVerdicts(execution, StagesBefore(execution.workflow(), work.stage));
  v1::AnalysisResult result;
  result.set_verdict(weighed.verdict);
  result.set_confidence(weighed.confidence);
  result.set_authoritative(weighed.authoritative);
  *result.mutable_completeness() = weighed.completeness;
  if (weighed.decided_by >= 0) {
    const v1::StageExecution& decided = execution.stages(weighed.decided_by);
    PutText("decided_by", decided.stage_id(), *result.mutable_result());
    // What a stage says that judges nothing is no verdict's summary.
    result.set_summary(weighed.verdict == v1::ANALYSIS_VERDICT_UNKNOWN
                           ? "No stage came to a verdict"
                           : decided.result().summary());
  }
  return result;
}

absl::StatusOr<v1::AnalysisResult> BySql(const QueryEngine& queries,
                                         const analysis::StageWork& work, std::stop_token stop) {
  const v1::WorkflowExecution& execution = *work.execution;
  const std::vector<int> before = StagesBefore(execution.workflow(), work.stage);
  const Parameters parameters = ParametersOf(execution, before);
  v1::QueryRequest request;
  request.set_sql(work.definition().detection().sql());
  request.set_max_rows(kMaxRows);
  const absl::Duration limit =
      work.definition().has_timeout() ? storage::kMaxQueryTime : storage::kDefaultQueryTime;
  event::SetDuration(std::clamp(work.timeout, absl::Milliseconds(1), limit),
                     request.mutable_timeout());
  ASSIGN_OR_RETURN(const QueryEngine::Answer answer,
                   queries.Ask(request, std::move(stop), &parameters.values, kMaxValueBytes));
  v1::AnalysisResult result;
  v1::Completeness& completeness = *result.mutable_completeness();
  completeness = WeighVerdicts(execution, before).completeness;
  for (const std::string& reason : parameters.left_out) AddReason(reason, completeness);
  for (const std::string& reason : answer.completeness.reasons()) AddReason(reason, completeness);
  PutNumber("rows", static_cast<double>(answer.rows.size()), *result.mutable_result());
  if (answer.rows.empty()) {
    const bool is_whole = completeness.complete();
    result.set_verdict(is_whole ? v1::ANALYSIS_VERDICT_CLEAN : v1::ANALYSIS_VERDICT_UNKNOWN);
    result.set_confidence(is_whole ? 1 : 0);
    result.set_authoritative(is_whole);
    result.set_summary(is_whole ? "Nothing was found"
                                : "Nothing was found, but not all could be looked at");
    return result;
  }
  RETURN_IF_ERROR(TakeRow(answer, result));
  PutRow(answer, *result.mutable_result());
  return result;
}

}  // namespace

analysis::Begun DetectionStage::Begin(const analysis::StageWork& work, Done done) {
  if (work.definition().detection().sql().empty()) {
    done({.result = OfStagesBefore(work), .alert_ids = {}});
    return {.call = EndedCall()};
  }
  return stages_.Begin(
      work,
      [this](const analysis::StageWork& now, std::stop_token stop) {
        return RunSql(now, std::move(stop));
      },
      std::move(done));
}

analysis::StageOutcome DetectionStage::RunSql(const analysis::StageWork& work,
                                              std::stop_token stop) const {
  return {.result = BySql(queries_, work, std::move(stop)), .alert_ids = {}};
}

absl::Status CheckDetectionSql(std::string_view sql) {
  const Parameters parameters = ParametersOf({}, {});
  return storage::CheckQuery(std::string(sql), MakeQueryTables({}), parameters.values);
}

}  // namespace daemoneye::gateway
