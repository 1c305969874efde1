#include "libs/monitor/monitor_component.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/logging/logging.h"
#include "libs/monitor/collector_metrics.h"
#include "libs/monitor/source_proto.h"
#include "libs/monitor/task_selector.h"

namespace daemoneye::monitor {
namespace {

using base::operator+;

// What a source may take to say how it is.
constexpr absl::Duration kHealthWait = absl::Milliseconds(100);

collector::CollectorConfig MakeCollectorConfig(const config::Config& config) {
  const auto count = [&](const char* key) { return static_cast<size_t>(config.GetInt(key)); };
  collector::CollectorConfig out;
  out.component_name = config.GetString("component_name");
  out.max_event_sources = count("max_event_sources");
  out.event_buffer_size = count("event_buffer_size");
  out.max_events_in_flight = count("max_events_in_flight");
  if (config.GetInt("backpressure_threshold") > 0) {
    out.backpressure_threshold = count("backpressure_threshold");
  }
  out.max_backpressure_wait = config.GetDuration("max_backpressure_wait");
  out.max_batch_size = count("max_batch_size");
  out.batch_timeout = config.GetDuration("batch_timeout");
  out.startup_timeout = config.GetDuration("startup_timeout");
  out.shutdown_timeout = config.GetDuration("shutdown_timeout");
  out.health_check_interval = config.GetDuration("health_check_interval");
  out.telemetry_interval = config.GetDuration("telemetry_interval");
  out.enable_telemetry = config.GetBool("enable_telemetry");
  out.enable_debug_logging = config.GetBool("enable_debug_logging");
  return out;
}

void LogSource(const collector::SourceStatus& source) {
  const logging::Level level = source.state == collector::SourceState::kDegraded ||
                                       source.state == collector::SourceState::kFailed
                                   ? logging::Level::kWarning
                                   : logging::Level::kInfo;
  logging::Log(level, "source",
               {{"source", source.name},
                {"state", collector::SourceStateName(source.state)},
                {"detail", source.detail}});
}

void LogTelemetry(const collector::CollectorStatistics& statistics) {
  logging::Info("telemetry", {{"observed", statistics.observed},
                              {"published", statistics.published},
                              {"filtered", statistics.filtered},
                              {"dropped", statistics.dropped_total()},
                              {"queued", statistics.queue_length}});
}

}  // namespace

MonitorComponent::MonitorComponent(const ComponentContext& context, MonitorParts parts)
    : context_(context),
      shared_(std::move(parts.shared)),
      tasks_(std::move(parts.tasks)),
      unused_sources_(std::move(parts.unused_sources)),
      limits_(std::move(parts.limits)),
      reload_(std::move(parts.reload)),
      complete_snapshot_(std::move(parts.complete_snapshot)),
      metrics_(std::move(parts.metrics)) {}

absl::StatusOr<std::unique_ptr<Component>> MonitorComponent::Create(const ComponentContext& context,
                                                                    MonitorParts parts) {
  std::vector<std::unique_ptr<collector::EventSource>> sources = std::move(parts.sources);
  const std::string database = parts.database;
  std::unique_ptr<MonitorComponent> component(new MonitorComponent(context, std::move(parts)));
  ASSIGN_OR_RETURN(component->collector_,
                   collector::Collector::Create(MakeCollectorConfig(context.config), context.bus,
                                                context.clock, component->MakeCallbacks()));
  for (std::unique_ptr<collector::EventSource>& source : sources) {
    RETURN_IF_ERROR(component->collector_->Register(std::move(source)));
  }
  if (!database.empty()) RETURN_IF_ERROR(component->OpenDatabase(database));
  std::ranges::move(AddCollectorMetrics(context.metrics, *component->collector_),
                    std::back_inserter(component->metrics_));
  return component;
}

absl::Status MonitorComponent::OpenDatabase(const std::string& path) {
  ASSIGN_OR_RETURN(store_, OpenStore(path, context_.clock));
  StoreWriterOptions options = MakeStoreWriterOptions(context_.config, context_.metrics);
  TellWhenOpen(*store_, context_.clock, nullptr, options);
  writer_ =
      std::make_unique<StoreWriter>(context_.bus, *store_, context_.clock, std::move(options));
  history_ = std::make_unique<StoreHistory>(store_->events(), context_.bus.stream_id());
  std::ranges::move(AddStoreMetrics(context_.metrics, *store_, *writer_),
                    std::back_inserter(metrics_));
  return absl::OkStatus();
}

collector::CollectorCallbacks MonitorComponent::MakeCallbacks() {
  collector::CollectorCallbacks callbacks;
  callbacks.on_source_changed = [this](const collector::SourceStatus& source) {
    LogSource(source);
    context_.on_readiness_changed();
  };
  callbacks.on_running_changed = [this](const collector::RunningSources& running) {
    v1::CapabilitiesChanged change;
    AddCaps(running.caps, *change.mutable_caps());
    for (const std::string& name : running.names) change.add_sources(name);
    change.set_reason(running.reason);
    announcements_.CapabilitiesChanged(change);
  };
  callbacks.on_telemetry = LogTelemetry;
  callbacks.on_debug = [](std::string_view line) { logging::Debug(line); };
  return callbacks;
}

absl::Status MonitorComponent::Start() {
  if (writer_ != nullptr) RETURN_IF_ERROR(writer_->Start());
  absl::Status started = collector_->Start();
  if (started.ok()) collector_->AwaitStarted();
  Settle();
  return started;
}

absl::Status MonitorComponent::Stop() {
  absl::Status stopped = collector_->Stop();
  Settle();
  if (writer_ != nullptr) writer_->Stop();
  return stopped;
}

void MonitorComponent::Settle() {
  base::MutexLock lock(mu_);
  has_settled_ = true;
  settled_.NotifyAll();
}

bool MonitorComponent::IsReady() const {
  const std::vector<collector::SourceStatus> sources =
      collector_->CheckHealth(context_.clock.MonotonicNow() + kHealthWait);
  return std::ranges::any_of(sources, [](const collector::SourceStatus& source) {
    return source.is_running && (!source.health.has_value() || source.health->status.ok());
  });
}

absl::Status MonitorComponent::Reload(const config::Config& config,
                                      const std::vector<std::string>&) {
  return reload_ ? reload_(config) : absl::OkStatus();
}

void MonitorComponent::Describe(v1::NegotiateCapabilitiesResponse& response) const {
  AddCaps(collector_->running().caps, *response.mutable_granted_caps());
  for (const collector::SourceStatus& source : collector_->sources()) {
    *response.add_sources() = ToProto(source);
  }
  for (const auto& handler : tasks_) {
    for (const v1::TaskType type : handler->types()) response.add_task_types(type);
  }
}

absl::Status MonitorComponent::RefreshState(base::Monotonic deadline) {
  // Who asks while the sources start would else be shown an empty state as if it were the whole,
  // and what the first observation finds is state, told to nobody later. Start is bounded.
  const absl::Duration patience = base::Elapsed(context_.clock.MonotonicNow(), deadline);
  {
    base::MutexLock lock(mu_);
    while (!has_settled_) settled_.Wait(mu_);
  }
  return collector_->Refresh(context_.clock.MonotonicNow() + patience);
}

void MonitorComponent::CompleteSnapshot(v1::SnapshotComplete& complete) const {
  if (complete_snapshot_) complete_snapshot_(complete);
}

void MonitorComponent::FillStatus(v1::GetStatusResponse& response) const {
  context_.fill_server_status(response);
  bool is_ready = false;
  // As of the last look at readiness: no source is asked, so that none can hold the caller up.
  for (const collector::SourceStatus& source : collector_->sources()) {
    *response.add_sources() = ToHealthProto(source);
    is_ready |= source.is_running && (!source.health.has_value() || source.health->status.ok());
    if (!source.detail.empty()) {
      response.add_problems(fmt::format("{}: {}", source.name, source.detail));
    }
  }
  for (const UnusedSource& unused : unused_sources_) {
    v1::SourceHealth& source = *response.add_sources();
    source.set_name(unused.name);
    source.set_state(v1::SOURCE_STATE_UNUSED);
    source.set_detail(unused.why);
    if (unused.is_missed) {
      response.add_problems(fmt::format("{}: {}", unused.name, unused.why));
    }
  }
  for (const std::string& limit : limits_) response.add_problems(limit);
  if (writer_ != nullptr && !writer_->health().ok()) {
    response.add_problems(
        fmt::format("events are not stored: {}", std::string(writer_->health().message())));
  }
  response.set_ready(is_ready);
  FillAccounting(collector_->statistics(), *response.mutable_accounting());
}

absl::Status MonitorComponent::RunTask(const v1::ExecuteTaskRequest& request, std::stop_token stop,
                                       const std::function<bool(v1::CollectionEvent)>& emit,
                                       v1::TaskSummary& summary) {
  const auto handler = std::ranges::find_if(tasks_, [&](const auto& candidate) {
    const std::vector<v1::TaskType> types = candidate->types();
    return std::ranges::count(types, request.type()) > 0;
  });
  if (handler == tasks_.end()) {
    return absl::FailedPreconditionError(
        fmt::format("type: {} is not a task of this monitor", v1::TaskType_Name(request.type())));
  }
  v1::Origin origin;
  origin.set_monitor(context_.publisher.monitor());
  origin.set_host(context_.publisher.host());
  origin.set_stream_id(context_.publisher.stream_id());
  ASSIGN_OR_RETURN(TaskSelector selector, TaskSelector::Create(request.filter(), origin));
  v1::Completeness& completeness = *summary.mutable_completeness();
  completeness.set_complete(true);
  RETURN_IF_ERROR((*handler)->Run(
      request.type(), [&](event::Event& record) { return selector.Selects(record); },
      std::move(stop),
      [&](event::Event record) {
        *record.mutable_origin() = origin;
        return emit(std::move(record));
      },
      &completeness));
  selector.Report(completeness);
  return absl::OkStatus();
}

}  // namespace daemoneye::monitor
