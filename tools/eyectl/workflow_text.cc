#include "tools/eyectl/workflow_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "absl/time/time.h"
#include "libs/base/text.h"
#include "tools/eyectl/enum_name.h"
#include "tools/eyectl/table.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

std::string OrDash(const std::string& text) { return text.empty() ? "-" : EscapeForTerminal(text); }

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string TimeText(const google::protobuf::Timestamp& time, const char* format) {
  return absl::FormatTime(format, ToTime(time), absl::LocalTimeZone());
}

std::string DurationText(const google::protobuf::Duration& duration) {
  return absl::FormatDuration(absl::Seconds(duration.seconds()) +
                              absl::Nanoseconds(duration.nanos()));
}

// "1.234s" between two times; "-" as long as one of them is not there.
template <typename Message>
std::string TookText(const Message& message) {
  if (!message.has_started_at() || !message.has_ended_at()) return "-";
  return fmt::format(
      "{:.3f}s", absl::ToDoubleSeconds(ToTime(message.ended_at()) - ToTime(message.started_at())));
}

std::string TargetText(const v1::AnalysisTarget& target) {
  std::vector<std::string> parts;
  if (target.has_pid()) parts.push_back(fmt::format("pid {}", target.pid()));
  if (!target.path().empty()) parts.push_back(EscapeForTerminal(target.path()));
  if (!target.process_key().empty()) parts.push_back(EscapeForTerminal(target.process_key()));
  if (!target.host().empty()) parts.push_back("on " + EscapeForTerminal(target.host()));
  return fmt::format("{}", fmt::join(parts, ", "));
}

Tone ToneOf(v1::ExecutionStatus status) {
  if (status == v1::EXECUTION_STATUS_COMPLETED) return Tone::kGood;
  if (status == v1::EXECUTION_STATUS_CANCELLED) return Tone::kWarning;
  return status > v1::EXECUTION_STATUS_RUNNING ? Tone::kAlarm : Tone::kChange;
}

Tone ToneOf(v1::StageStatus status) {
  if (status == v1::STAGE_STATUS_COMPLETED) return Tone::kGood;
  if (status == v1::STAGE_STATUS_FAILED || status == v1::STAGE_STATUS_TIMED_OUT) {
    return Tone::kAlarm;
  }
  return status > v1::STAGE_STATUS_RUNNING ? Tone::kWarning : Tone::kChange;
}

std::string VerdictText(const v1::StageExecution& stage) {
  if (!stage.has_result()) return "-";
  if (stage.result().verdict() == v1::ANALYSIS_VERDICT_UNKNOWN) return "UNKNOWN";
  return fmt::format("{} {:.0f}%{}", EnumName(stage.result().verdict()),
                     std::clamp(stage.result().confidence(), 0.0, 1.0) * 100,
                     stage.result().authoritative() ? "" : "?");
}

// What it found, or why it did not.
std::string SummaryText(const v1::StageExecution& stage) {
  return OrDash(stage.error().empty() ? stage.result().summary() : stage.error());
}

void AddLine(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty()) fmt::format_to(std::back_inserter(out), "    {:<11} {}\n", name, text);
}

std::string AsksText(const v1::WorkflowStage& stage) {
  if (stage.analyzer().empty()) return "-";
  return fmt::format("{} {}", EscapeForTerminal(stage.analyzer()),
                     stage.custom_type().empty() ? EnumName(stage.analysis_type())
                                                 : EscapeForTerminal(stage.custom_type()));
}

std::string Headline(const v1::WorkflowExecution& execution, const Style& style) {
  const auto ended = std::ranges::count_if(execution.stages(), [](const v1::StageExecution& s) {
    return s.status() > v1::STAGE_STATUS_RUNNING;
  });
  return fmt::format("execution {} of {}: {}, {} of {} stages have ended\n",
                     EscapeForTerminal(execution.id()),
                     execution.workflow_id().empty() ? "an inline workflow"
                                                     : EscapeForTerminal(execution.workflow_id()),
                     style.Paint(ToneOf(execution.status()), EnumName(execution.status())), ended,
                     execution.stages_size());
}

std::string LimitsText(const v1::AnalyzerLimits& limits) {
  std::vector<std::string> parts;
  if (limits.max_concurrent() > 0) {
    parts.push_back(fmt::format("{} at once", limits.max_concurrent()));
  }
  if (limits.max_rate_per_minute() > 0) {
    parts.push_back(fmt::format("{}/min", limits.max_rate_per_minute()));
  }
  if (limits.max_queue() > 0) parts.push_back(fmt::format("queue {}", limits.max_queue()));
  if (limits.max_target_bytes() > 0) {
    parts.push_back(fmt::format("{} MiB", limits.max_target_bytes() >> 20));
  }
  if (limits.has_max_duration()) parts.push_back(DurationText(limits.max_duration()));
  return parts.empty() ? "-" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string AnalysesText(const v1::AnalyzerLink& analyzer) {
  std::vector<std::string> names;
  for (const int type : analyzer.analysis_types()) {
    if (type != v1::ANALYSIS_TYPE_CUSTOM) {
      names.push_back(EnumName(static_cast<v1::AnalysisType>(type)));
    }
  }
  for (const std::string& type : analyzer.custom_types()) names.push_back(EscapeForTerminal(type));
  return names.empty() ? "-" : fmt::format("{}", fmt::join(names, ","));
}

std::string AnswersText(const v1::AnalyzerLink& analyzer) {
  // In the order of their names.
  const std::map<std::string, uint64_t> answers(analyzer.answers().begin(),
                                                analyzer.answers().end());
  std::vector<std::string> parts;
  for (const auto& [code, count] : answers) {
    parts.push_back(fmt::format("{} {}", count, EscapeForTerminal(code)));
  }
  return parts.empty() ? "-" : fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

bool HasEnded(const v1::WorkflowExecution& execution) {
  return execution.status() > v1::EXECUTION_STATUS_RUNNING;
}

std::string WorkflowsText(const google::protobuf::RepeatedPtrField<v1::Workflow>& workflows) {
  if (workflows.empty()) return "this gateway has no workflows\n";
  Table table({"WORKFLOW", "BY", "STAGES", "DESCRIPTION"});
  for (const v1::Workflow& w : workflows) {
    std::vector<std::string> stages;
    for (const v1::WorkflowStage& stage : w.stages()) stages.push_back(stage.id());
    table.Add({EscapeForTerminal(w.id()), EnumName(w.managed_by()),
               EscapeForTerminal(fmt::format("{}", fmt::join(stages, ","))),
               OrDash(w.description())});
  }
  return table.ToString();
}

std::string WorkflowText(const v1::Workflow& workflow) {
  std::string out = fmt::format("workflow {}\n", EscapeForTerminal(workflow.id()));
  AddLine(out, "description", EscapeForTerminal(workflow.description()));
  AddLine(out, "by", EnumName(workflow.managed_by()));
  if (workflow.has_timeout()) AddLine(out, "timeout", DurationText(workflow.timeout()));
  Table table({"STAGE", "KIND", "WAITS FOR", "ASKS", "TIMEOUT", "RETRIES", "OPTIONAL"});
  for (const v1::WorkflowStage& s : workflow.stages()) {
    table.Add({EscapeForTerminal(s.id()), EnumName(s.kind()),
               OrDash(fmt::format("{}", fmt::join(s.depends_on(), ","))), AsksText(s),
               s.has_timeout() ? DurationText(s.timeout()) : "5m",
               s.has_max_retries() ? std::to_string(s.max_retries()) : "3",
               s.optional() ? "yes" : "no"});
  }
  return out + table.ToString("    ");
}

std::string ExecutionsText(
    const google::protobuf::RepeatedPtrField<v1::WorkflowExecution>& executions) {
  if (executions.empty()) return "no executions\n";
  Table table({"ASKED FOR", "WORKFLOW", "STATUS", "DONE", "TOOK", "TARGET", "TRIGGER", "ID"});
  for (const v1::WorkflowExecution& e : executions) {
    table.Add({TimeText(e.created_at(), "%Y-%m-%d %H:%M:%S"), OrDash(e.workflow_id()),
               EnumName(e.status()),
               fmt::format("{:.0f}%", std::clamp(e.progress(), 0.0, 1.0) * 100), TookText(e),
               TargetText(e.target()), OrDash(e.trigger_id()), EscapeForTerminal(e.id())});
  }
  return table.ToString();
}

std::string ExecutionText(const v1::WorkflowExecution& execution, const Style& style) {
  std::string out = Headline(execution, style);
  AddLine(out, "target", TargetText(execution.target()));
  AddLine(out, "trigger", EscapeForTerminal(execution.trigger_id()));
  AddLine(out, "correlation", EscapeForTerminal(execution.correlation_id()));
  if (execution.has_created_at()) {
    AddLine(out, "asked for", TimeText(execution.created_at(), "%Y-%m-%d %H:%M:%E3S"));
  }
  if (execution.has_ended_at()) AddLine(out, "took", TookText(execution));
  if (execution.resumed() > 0) {
    AddLine(out, "resumed", fmt::format("by {} starts of the gateway", execution.resumed()));
  }
  Table table({"STAGE", "STATUS", "ATTEMPTS", "TOOK", "VERDICT", "SUMMARY"});
  for (const v1::StageExecution& s : execution.stages()) {
    table.Add({EscapeForTerminal(s.stage_id()), EnumName(s.status()), std::to_string(s.attempts()),
               TookText(s), VerdictText(s), SummaryText(s)});
  }
  if (!table.empty()) out += table.ToString("    ");
  for (const std::string& id : execution.alert_ids()) AddLine(out, "alert", EscapeForTerminal(id));
  for (const std::string& reason : execution.completeness().reasons()) {
    AddLine(out, "incomplete", EscapeForTerminal(reason));
  }
  AddLine(out, "error", EscapeForTerminal(execution.error()));
  return out;
}

std::string ChangesText(const v1::WorkflowExecution& before, const v1::WorkflowExecution& now,
                        const Style& style) {
  std::string out;
  for (int i = 0; i < now.stages_size(); ++i) {
    const v1::StageExecution& s = now.stages(i);
    if (i < before.stages_size() && before.stages(i).status() == s.status() &&
        before.stages(i).attempts() == s.attempts() && before.stages(i).error() == s.error()) {
      continue;
    }
    const bool was_unknown = i >= before.stages_size();
    if (was_unknown && s.status() == v1::STAGE_STATUS_PENDING) continue;
    out += fmt::format("{} {}", EscapeForTerminal(s.stage_id()),
                       style.Paint(ToneOf(s.status()), EnumName(s.status())));
    if (s.attempts() > 1) out += fmt::format(", attempt {}", s.attempts());
    if (s.has_result()) out += ", " + VerdictText(s);
    const std::string summary = SummaryText(s);
    if (summary != "-") out += ": " + summary;
    out += "\n";
  }
  if (before.status() != now.status() && !HasEnded(now)) out += Headline(now, style);
  return out;
}

std::string AnalyzersText(const google::protobuf::RepeatedPtrField<v1::AnalyzerLink>& analyzers) {
  if (analyzers.empty()) return "this gateway has no analyzers\n";
  Table table(
      {"ANALYZER", "ADDRESS", "HOST", "ANALYSES", "LIMITS", "UNDER WAY", "ANSWERS", "PROBLEM"});
  for (const v1::AnalyzerLink& a : analyzers) {
    table.Add({OrDash(a.name()), a.address().empty() ? "built in" : EscapeForTerminal(a.address()),
               a.host().empty() ? "any" : EscapeForTerminal(a.host()), AnalysesText(a),
               LimitsText(a.limits()), std::to_string(a.under_way()), AnswersText(a),
               OrDash(a.problem())});
  }
  return table.ToString();
}

}  // namespace daemoneye::eyectl
