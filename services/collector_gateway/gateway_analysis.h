// GatewayAnalysis: a gateway's analyzers and workflows, put together: links to analyzers, the
// built-in one, who does each kind of stage, the engine, the definitions, service and metrics.
//
// Without a store executions last as long as the process: one that a trigger asked for and that has
// not ended when it stops raises the trigger's alert, which says so. With one they go on at the
// next start.
//
// Lifecycle:  Create, Start, Stop; service() is registered with a server that ends in between Stop
//             and the destructor.
// Threads:    Create, Start, Reload and Stop from one; the rest from any.
// Ownership:  borrows all of GatewayAnalysisPorts, which outlives it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/security/credentials.h"
#include "libs/alerting/alert_draft.h"
#include "libs/analysis/analyzer_pool.h"
#include "libs/analysis/workflow_engine.h"
#include "libs/base/clock.h"
#include "libs/config/config.h"
#include "libs/metrics/registry.h"
#include "libs/storage/store.h"
#include "libs/trigger/trigger_match.h"
#include "services/collector_gateway/alerting_stage.h"
#include "services/collector_gateway/analyzer_link.h"
#include "services/collector_gateway/analyzer_stage.h"
#include "services/collector_gateway/behavioral_analyzer.h"
#include "services/collector_gateway/blocking_stages.h"
#include "services/collector_gateway/collection_stage.h"
#include "services/collector_gateway/detection_stage.h"
#include "services/collector_gateway/enrichment_stage.h"
#include "services/collector_gateway/link_set.h"
#include "services/collector_gateway/process_lookup.h"
#include "services/collector_gateway/query_engine.h"
#include "services/collector_gateway/stage_switch.h"
#include "services/collector_gateway/workflow_registry.h"
#include "services/collector_gateway/workflow_service.h"

namespace daemoneye::gateway {

struct GatewayAnalysisPorts {
  metrics::Registry& metrics;
  base::Clock& clock;
  // Null: nothing is kept.
  storage::Store* store = nullptr;
  const LinkSet& links;
  const QueryEngine& queries;
  ReadLive read_live;
  std::function<void(alerting::AlertDraft)> raise;
  std::function<v1::Completeness()> completeness;
  // The trigger of an id as it is now; null: it is no more.
  std::function<std::shared_ptr<const v1::Trigger>(const std::string&)> find_trigger;
  // The id of a trigger that names a workflow; "": none does.
  std::function<std::string(std::string_view)> trigger_using;
  // Who asks the analyzers, and of what version.
  std::string client_id;
  std::string version;
  // For analyzers over TCP.
  std::shared_ptr<grpc::ChannelCredentials> tcp_credentials;
};

class GatewayAnalysis {
 public:
  // InvalidArgument: `analyzers`, `workflows`, named. The store's error.
  static absl::StatusOr<std::unique_ptr<GatewayAnalysis>> Create(const config::Config& config,
                                                                 GatewayAnalysisPorts ports);
  ~GatewayAnalysis() { Stop(); }

  void Start();
  // No stage runs and no alert follows. Idempotent.
  void Stop();

  // The workflows of a new configuration; on an error nothing of it is in force.
  absl::Status Reload(const config::Config& config);
  // The store can be read now, which it could not at the start.
  absl::Status LoadStored();

  // Starts what the trigger of a match names. ResourceExhausted: there is no room now; NotFound:
  // there is no such workflow.
  absl::Status StartFor(const trigger::TriggerMatch& match);
  // Whether what a trigger names is there, and can do it.
  absl::Status CheckTarget(const v1::Trigger& trigger) const;

  WorkflowService& service() { return service_; }
  // What ListAnalyzers answers.
  std::vector<v1::AnalyzerLink> Analyzers() const;
  // One sentence for each thing that keeps stages from running.
  std::vector<std::string> Problems() const;

 private:
  using Links = std::vector<std::shared_ptr<AnalyzerLink>>;

  GatewayAnalysis(GatewayAnalysisPorts ports, Links links);
  std::vector<std::shared_ptr<analysis::Analyzer>> AllAnalyzers();
  std::vector<metrics::CallbackHandle> AddMetrics();
  absl::Status CheckStage(const v1::WorkflowStage& stage) const;
  void OnEnd(const v1::WorkflowExecution& execution);
  std::shared_ptr<const v1::Trigger> TriggerOf(const v1::WorkflowExecution& execution) const;

  const GatewayAnalysisPorts ports_;
  const Links links_;
  // Each kind of work that blocks has its own: see BlockingStages.
  BlockingStages collecting_;
  BlockingStages looking_up_;
  BlockingStages querying_;
  const std::shared_ptr<BehavioralAnalyzer> behavioral_;
  analysis::AnalyzerPool pool_;
  CollectionStage collection_;
  EnrichmentStage enrichment_;
  DetectionStage detection_;
  AlertingStage alerting_;
  AnalyzerStage analyzer_;
  StageSwitch stages_;
  analysis::WorkflowEngine engine_;
  WorkflowRegistry registry_;
  WorkflowService service_;
  bool is_stopped_ = true;
  std::vector<metrics::CallbackHandle> metrics_;  // last: reads the engine
};

// What --check_config does: addresses, workflows, and the SQL of their stages.
absl::Status CheckAnalysis(const config::Config& config);

}  // namespace daemoneye::gateway
