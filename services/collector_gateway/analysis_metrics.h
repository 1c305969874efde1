// Prometheus metrics of analyzers and workflows: read when somebody scrapes.
#pragma once

#include <vector>

#include "libs/analysis/analyzer_pool.h"
#include "libs/analysis/workflow_engine.h"
#include "libs/metrics/registry.h"
#include "services/collector_gateway/workflow_registry.h"

namespace daemoneye::gateway {

// Ends with the handles; reads all four until then. Executions of workflows that nobody defined are
// those of workflow "inline".
std::vector<metrics::CallbackHandle> AddAnalysisMetrics(metrics::Registry& metrics,
                                                        const analysis::WorkflowEngine& engine,
                                                        const analysis::AnalyzerPool& pool,
                                                        const WorkflowRegistry& registry);

}  // namespace daemoneye::gateway
