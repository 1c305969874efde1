#include "services/collector_gateway/gateway_analysis.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/logging/logging.h"
#include "services/collector_gateway/analysis_metrics.h"
#include "services/collector_gateway/gateway_options.h"
#include "services/collector_gateway/link_completeness.h"
#include "services/collector_gateway/match_workflow.h"
#include "services/collector_gateway/workflow_config.h"

namespace daemoneye::gateway {
namespace {

std::shared_ptr<AnalyzerLink> MakeLink(int id, const MonitorAddress& address,
                                       const GatewayAnalysisPorts& ports) {
  AnalyzerLinkOptions options;
  options.address = address.text;
  options.target = address.text;
  options.credentials = address.is_tcp ? ports.tcp_credentials : grpc::InsecureChannelCredentials();
  options.client_id = ports.client_id;
  options.version = ports.version;
  return std::make_shared<AnalyzerLink>(id, std::move(options), ports.clock);
}

EnrichmentPorts EnrichmentPortsOf(const GatewayAnalysisPorts& ports, BlockingStages& stages) {
  return {.stages = stages,
          .lookup = {.read_live = ports.read_live,
                     .queries = &ports.queries,
                     .events = ports.store == nullptr ? nullptr : &ports.store->events()},
          // A monitor of another host that is away is no reason to doubt what is known of this one.
          .completeness = [&links = ports.links](const std::string& host) {
            return CompletenessOfHost(links, host);
          }};
}

BehavioralPorts BehavioralPortsOf(const GatewayAnalysisPorts& ports, BlockingStages& stages) {
  EnrichmentPorts same = EnrichmentPortsOf(ports, stages);
  return {.stages = stages,
          .clock = ports.clock,
          .lookup = std::move(same.lookup),
          .version = ports.version,
          .completeness = std::move(same.completeness)};
}

storage::ExecutionStore* ExecutionsOf(const GatewayAnalysisPorts& ports) {
  return ports.store == nullptr ? nullptr : &ports.store->executions();
}

}  // namespace

GatewayAnalysis::GatewayAnalysis(GatewayAnalysisPorts ports, Links links)
    : ports_(std::move(ports)),
      links_(std::move(links)),
      collecting_({.name = "collect", .threads = 4}, ports_.clock),
      looking_up_({.name = "look-up", .threads = 2}, ports_.clock),
      querying_({.name = "stage-query", .threads = 2}, ports_.clock),
      behavioral_(std::make_shared<BehavioralAnalyzer>(BehavioralPortsOf(ports_, looking_up_))),
      pool_(AllAnalyzers(), ports_.clock),
      collection_(collecting_, ports_.links),
      enrichment_(EnrichmentPortsOf(ports_, looking_up_)),
      detection_(querying_, ports_.queries),
      alerting_({.raise = ports_.raise, .find_trigger = ports_.find_trigger}),
      analyzer_(pool_),
      stages_({collection_, enrichment_, detection_, alerting_, analyzer_}),
      engine_(stages_, ExecutionsOf(ports_), ports_.clock,
              [this](const analysis::ExecutionPtr& execution) { OnEnd(*execution); }),
      registry_({.clock = ports_.clock,
                 .store = ExecutionsOf(ports_),
                 .check_stage = [this](const v1::WorkflowStage& s) { return CheckStage(s); },
                 .trigger_using = ports_.trigger_using}),
      service_({.registry = registry_,
                .engine = engine_,
                .clock = ports_.clock,
                .store = ExecutionsOf(ports_),
                .audit = ports_.store == nullptr ? nullptr : &ports_.store->audit()}),
      metrics_(AddAnalysisMetrics(ports_.metrics, engine_, pool_, registry_)) {
  const auto on_room = [this] { engine_.OnRoom(); };
  for (BlockingStages* pool : {&collecting_, &looking_up_, &querying_}) pool->SetOnRoom(on_room);
  pool_.SetOnRoom(on_room);
}

std::vector<std::shared_ptr<analysis::Analyzer>> GatewayAnalysis::AllAnalyzers() {
  std::vector<std::shared_ptr<analysis::Analyzer>> all(links_.begin(), links_.end());
  all.push_back(behavioral_);
  return all;
}

absl::StatusOr<std::unique_ptr<GatewayAnalysis>> GatewayAnalysis::Create(
    const config::Config& config, GatewayAnalysisPorts ports) {
  ASSIGN_OR_RETURN(const std::vector<MonitorAddress> addresses, AnalyzerAddresses(config));
  ASSIGN_OR_RETURN(WorkflowConfig workflows, ReadWorkflowConfig(config));
  Links links;
  for (const MonitorAddress& address : addresses) {
    links.push_back(MakeLink(static_cast<int>(links.size()) + 1, address, ports));
  }
  std::unique_ptr<GatewayAnalysis> made(new GatewayAnalysis(std::move(ports), std::move(links)));
  RETURN_IF_ERROR(made->registry_.Load(std::move(workflows)));
  return made;
}

void GatewayAnalysis::Start() {
  is_stopped_ = false;
  for (const std::shared_ptr<AnalyzerLink>& link : links_) link->Start();
  engine_.Start();
  const absl::Status recovered = engine_.Recover();
  if (!recovered.ok()) {
    logging::Warning("unfinished executions are not taken up yet", {{"error", recovered}});
  }
}

void GatewayAnalysis::Stop() {
  if (std::exchange(is_stopped_, true)) return;
  service_.Drain();
  for (const std::shared_ptr<AnalyzerLink>& link : links_) link->RequestStop();
  engine_.Stop();
  for (BlockingStages* pool : {&collecting_, &looking_up_, &querying_}) pool->Stop();
  for (const std::shared_ptr<AnalyzerLink>& link : links_) link->Stop();
  if (ports_.store != nullptr) return;
  for (const analysis::ExecutionPtr& execution : engine_.List()) {
    if (execution->status() > v1::EXECUTION_STATUS_RUNNING || execution->trigger_id().empty()) {
      continue;
    }
    v1::WorkflowExecution ended = *execution;
    ended.set_error("the gateway was stopped");
    ports_.raise(DraftOfFailed(ended, TriggerOf(ended).get()));
  }
}

absl::Status GatewayAnalysis::Reload(const config::Config& config) {
  ASSIGN_OR_RETURN(WorkflowConfig workflows, ReadWorkflowConfig(config));
  registry_.Reload(std::move(workflows));
  return absl::OkStatus();
}

absl::Status GatewayAnalysis::LoadStored() {
  RETURN_IF_ERROR(registry_.LoadStored());
  return engine_.Recover();
}

absl::Status GatewayAnalysis::StartFor(const trigger::TriggerMatch& match) {
  const v1::Trigger& trigger = *match.trigger;
  v1::WorkflowExecution execution;
  if (trigger.workflow().empty()) {
    execution = ExecutionOf(match, WorkflowOfTarget(trigger));
  } else {
    const WorkflowRegistry::WorkflowPtr workflow = registry_.Find(trigger.workflow());
    if (workflow == nullptr) {
      return absl::NotFoundError(fmt::format("there is no workflow {}", trigger.workflow()));
    }
    execution = ExecutionOf(match, *workflow);
  }
  *execution.mutable_completeness() = ports_.completeness();
  return engine_.Submit(std::move(execution)).status();
}

absl::Status GatewayAnalysis::CheckTarget(const v1::Trigger& trigger) const {
  if (trigger.workflow().empty()) {
    return pool_.Check(trigger.target_collector(), trigger.analysis_type(), "", trigger.priority());
  }
  if (registry_.Find(trigger.workflow()) != nullptr) return absl::OkStatus();
  return absl::NotFoundError(fmt::format("there is no workflow {}", trigger.workflow()));
}

absl::Status GatewayAnalysis::CheckStage(const v1::WorkflowStage& stage) const {
  if (!stage.analyzer().empty()) {
    return pool_.Check(stage.analyzer(), stage.analysis_type(), stage.custom_type(),
                       v1::TRIGGER_PRIORITY_UNSPECIFIED);
  }
  if (stage.detection().sql().empty()) return absl::OkStatus();
  return CheckDetectionSql(stage.detection().sql());
}

std::shared_ptr<const v1::Trigger> GatewayAnalysis::TriggerOf(
    const v1::WorkflowExecution& execution) const {
  return ports_.find_trigger(execution.trigger_id());
}

void GatewayAnalysis::OnEnd(const v1::WorkflowExecution& execution) {
  logging::Info("execution ended",
                {{"execution", execution.id()},
                 {"workflow", execution.workflow_id()},
                 {"status", v1::ExecutionStatus_Name(execution.status()).substr(17)},
                 {"trigger", execution.trigger_id()},
                 {"error", execution.error()}});
  // What a trigger asked for is told, whatever became of it.
  if (execution.trigger_id().empty() || !NeedsAlertOfFailure(execution)) return;
  ports_.raise(DraftOfFailed(execution, TriggerOf(execution).get()));
}

std::vector<v1::AnalyzerLink> GatewayAnalysis::Analyzers() const {
  std::vector<v1::AnalyzerLink> analyzers;
  for (const analysis::AnalyzerStatus& status : pool_.statuses()) {
    v1::AnalyzerLink& analyzer = analyzers.emplace_back();
    const v1::NegotiateAnalysisResponse& can = status.capabilities;
    analyzer.set_name(can.name());
    analyzer.set_address(status.address);
    analyzer.set_problem(status.problem);
    analyzer.set_host(can.host());
    analyzer.set_version(can.version());
    *analyzer.mutable_analysis_types() = can.analysis_types();
    *analyzer.mutable_custom_types() = can.custom_types();
    *analyzer.mutable_priorities() = can.priorities();
    *analyzer.mutable_limits() = can.limits();
    analyzer.set_under_way(status.under_way);
    for (const auto& [code, count] : status.answers) (*analyzer.mutable_answers())[code] = count;
  }
  return analyzers;
}

std::vector<std::string> GatewayAnalysis::Problems() const {
  std::vector<std::string> problems = registry_.Problems();
  for (const std::shared_ptr<AnalyzerLink>& link : links_) {
    const std::string problem = link->problem();
    if (!problem.empty()) {
      problems.push_back(fmt::format("analyzer {}: {}", link->address(), problem));
    }
  }
  const analysis::WorkflowStatistics statistics = engine_.statistics();
  if (!statistics.store_error.empty()) {
    problems.push_back(fmt::format("executions are not stored: {}", statistics.store_error));
  }
  return problems;
}

absl::Status CheckAnalysis(const config::Config& config) {
  RETURN_IF_ERROR(AnalyzerAddresses(config).status());
  // Analyzers are not asked: the file is checked where none runs, too.
  return CheckWorkflows(config, [](const v1::WorkflowStage& stage) {
    return stage.detection().sql().empty() ? absl::OkStatus()
                                           : CheckDetectionSql(stage.detection().sql());
  });
}

}  // namespace daemoneye::gateway
