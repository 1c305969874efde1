#include "services/collector_gateway/analysis_metrics.h"

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace daemoneye::gateway {
namespace {

using analysis::AnalyzerStatus;
using analysis::WorkflowStatistics;
using metrics::MetricType;
using metrics::SampleSink;
using Collect = std::function<void(const SampleSink&)>;

constexpr size_t kAll = 10'000;
constexpr v1::ExecutionStatus kEnds[] = {
    v1::EXECUTION_STATUS_COMPLETED, v1::EXECUTION_STATUS_FAILED, v1::EXECUTION_STATUS_CANCELLED,
    v1::EXECUTION_STATUS_TIMED_OUT};

std::string StatusName(v1::ExecutionStatus status) {
  std::string name = v1::ExecutionStatus_Name(status).substr(sizeof("EXECUTION_STATUS"));
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return name;
}

// Names are labels only where this gateway was given them: anybody may name an inline workflow.
void TellExecutions(const analysis::WorkflowEngine& engine, const analysis::AnalyzerPool& pool,
                    const WorkflowRegistry& registry, const SampleSink& sink) {
  std::map<std::pair<std::string, v1::ExecutionStatus>, double> ended;
  const auto know = [&ended](const std::string& workflow) {
    for (const v1::ExecutionStatus status : kEnds) ended.try_emplace({workflow, status}, 0);
  };
  know("inline");
  for (const auto& workflow : registry.List("", kAll)) know(workflow->id());
  for (const AnalyzerStatus& analyzer : pool.statuses()) {
    if (!analyzer.capabilities.name().empty()) know(analyzer.capabilities.name());
  }
  for (const auto& [key, count] : engine.statistics().ended) {
    const auto known = ended.find(key);
    auto& total = known == ended.end() ? ended[{"inline", key.second}] : known->second;
    total += static_cast<double>(count);
  }
  for (const auto& [key, count] : ended) {
    sink({{"workflow", key.first}, {"status", StatusName(key.second)}}, count);
  }
}

// Several analyzers may have one name.
void TellByAnalyzer(const analysis::AnalyzerPool& pool, const SampleSink& sink,
                    double (*value)(const AnalyzerStatus&)) {
  std::map<std::string, double> by_name;
  for (const AnalyzerStatus& analyzer : pool.statuses()) {
    if (!analyzer.capabilities.name().empty()) {
      by_name[analyzer.capabilities.name()] += value(analyzer);
    }
  }
  for (const auto& [name, total] : by_name) sink({{"analyzer", name}}, total);
}

void TellAnswers(const analysis::AnalyzerPool& pool, const SampleSink& sink) {
  std::map<std::pair<std::string, std::string>, double> answers;
  for (const AnalyzerStatus& analyzer : pool.statuses()) {
    if (analyzer.capabilities.name().empty()) continue;
    answers.try_emplace({analyzer.capabilities.name(), "OK"}, 0);
    for (const auto& [code, count] : analyzer.answers) {
      answers[{analyzer.capabilities.name(), code}] += static_cast<double>(count);
    }
  }
  for (const auto& [key, count] : answers) {
    sink({{"analyzer", key.first}, {"status", key.second}}, count);
  }
}

}  // namespace

std::vector<metrics::CallbackHandle> AddAnalysisMetrics(metrics::Registry& metrics,
                                                        const analysis::WorkflowEngine& engine,
                                                        const analysis::AnalyzerPool& pool,
                                                        const WorkflowRegistry& registry) {
  std::vector<metrics::CallbackHandle> handles;
  const auto add = [&](const char* name, const char* help, MetricType type, Collect collect) {
    handles.push_back(metrics.AddCallback(name, help, type, std::move(collect)));
  };
  const auto one = [&](const char* name, const char* help, MetricType type,
                       double (*value)(const WorkflowStatistics&)) {
    add(name, help, type,
        [&engine, value](const SampleSink& sink) { sink({}, value(engine.statistics())); });
  };
  add("workflow_executions_total", "Executions that have ended.", MetricType::kCounter,
      [&](const SampleSink& sink) { TellExecutions(engine, pool, registry, sink); });
  one("workflow_executions_running", "Executions that run now.", MetricType::kGauge,
      [](const WorkflowStatistics& s) { return static_cast<double>(s.running); });
  one("workflow_executions_pending", "Executions that wait for a place.", MetricType::kGauge,
      [](const WorkflowStatistics& s) { return static_cast<double>(s.pending); });
  one("workflow_executions_refused_total", "Executions refused: too many waited.",
      MetricType::kCounter,
      [](const WorkflowStatistics& s) { return static_cast<double>(s.refused); });
  one("workflow_retries_total", "Attempts at stages that will be made again.", MetricType::kCounter,
      [](const WorkflowStatistics& s) { return static_cast<double>(s.retries); });
  one("workflow_late_outcomes_total", "Outcomes of attempts that had been given up.",
      MetricType::kCounter,
      [](const WorkflowStatistics& s) { return static_cast<double>(s.late_outcomes); });
  add("analysis_requests_total", "Answers of analyzers, by status code.", MetricType::kCounter,
      [&pool](const SampleSink& sink) { TellAnswers(pool, sink); });
  add("analysis_requests_running", "Requests that analyzers work on.", MetricType::kGauge,
      [&pool](const SampleSink& sink) {
        TellByAnalyzer(pool, sink,
                       [](const AnalyzerStatus& s) { return static_cast<double>(s.under_way); });
      });
  add("analyzer_up", "Analyzers of that name that can be asked.", MetricType::kGauge,
      [&pool](const SampleSink& sink) {
        TellByAnalyzer(pool, sink,
                       [](const AnalyzerStatus& s) { return s.problem.empty() ? 1.0 : 0.0; });
      });
  return handles;
}

}  // namespace daemoneye::gateway
