#include "libs/analysis_server/analyzer_main.h"

#include <algorithm>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "libs/analysis_server/analysis_queue.h"
#include "libs/analysis_server/analyzer_service.h"
#include "libs/base/status_macros.h"
#include "libs/base/version.h"
#include "libs/config/common_options.h"
#include "libs/event/uuid.h"
#include "libs/monitor/server_shell.h"

namespace daemoneye::analysis_server {
namespace {

using google::protobuf::util::TimeUtil;

// What an analysis may take to notice that it is to end.
constexpr absl::Duration kStopPatience = absl::Seconds(5);

config::OptionTable AnalyzerOptions() {
  config::OptionTable table;
  table.specs = {
      {.key = "max_concurrent",
       .type = config::OptionType::kInt,
       .unit = "requests",
       .min = 1,
       .max = 256,
       .default_text = "10",
       .doc = "Requests that are analysed at once."},
      {.key = "max_queue",
       .type = config::OptionType::kInt,
       .unit = "requests",
       .max = 100'000,
       .default_text = "1000",
       .doc = "Requests that wait for one of those; the next is refused, or a less urgent one."},
      {.key = "max_rate",
       .type = config::OptionType::kInt,
       .unit = "requests",
       .max = 1'000'000,
       .default_text = "0",
       .doc = "Requests in 60 s; the next is refused. 0 is any."},
      {.key = "max_duration",
       .type = config::OptionType::kDuration,
       .unit = "seconds",
       .min = 1,
       .max = 3600,
       .default_text = "30s",
       .doc = "The longest that a request may take, waiting included."},
  };
  return table;
}

AnalysisLimits LimitsOf(const config::Config& config) {
  return {.max_concurrent = static_cast<uint32_t>(config.GetInt("max_concurrent")),
          .max_queue = static_cast<uint32_t>(config.GetInt("max_queue")),
          .max_rate_per_minute = static_cast<uint32_t>(config.GetInt("max_rate")),
          .max_duration = config.GetDuration("max_duration")};
}

v1::NegotiateAnalysisResponse Negotiation(const std::string& name, const AnalyzerParts& parts,
                                          const AnalysisLimits& limits, const std::string& host) {
  v1::NegotiateAnalysisResponse can;
  can.set_name(name);
  can.set_instance_id(event::NewUuid());
  can.set_version(base::kVersion);
  if (parts.is_bound_to_host) can.set_host(host);
  for (const v1::AnalysisType type : parts.types) can.add_analysis_types(type);
  for (const std::string& type : parts.custom_types) can.add_custom_types(type);
  v1::AnalyzerLimits& told = *can.mutable_limits();
  told.set_max_rate_per_minute(limits.max_rate_per_minute);
  told.set_max_concurrent(limits.max_concurrent);
  told.set_max_queue(limits.max_queue);
  told.set_max_target_bytes(parts.max_target_bytes);
  *told.mutable_max_duration() =
      TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(limits.max_duration));
  return can;
}

// "BINARY_HASH"; what no request can have is "UNSPECIFIED".
std::string TypeLabel(v1::AnalysisType type) {
  return v1::AnalysisType_Name(type).substr(sizeof("ANALYSIS_TYPE_") - 1);
}

// What analyzers count, whatever they do.
class AnalyzerMetrics {
 public:
  AnalyzerMetrics(metrics::Registry& registry, const v1::NegotiateAnalysisResponse& can,
                  const AnalysisQueue& queue)
      : registry_(registry),
        seconds_(registry.AddHistogram("analysis_seconds",
                                       "From a request to its answer, waiting included.",
                                       metrics::LatencyBuckets())) {
    for (const int type : can.analysis_types()) {
      types_.push_back(static_cast<v1::AnalysisType>(type));
      for (const absl::StatusCode code :
           {absl::StatusCode::kOk, absl::StatusCode::kNotFound, absl::StatusCode::kInvalidArgument,
            absl::StatusCode::kResourceExhausted, absl::StatusCode::kDeadlineExceeded}) {
        static_cast<void>(Requests(types_.back(), code));
      }
    }
    Gauge("analyses_running", "Requests that are analysed now.",
          [&queue] { return static_cast<double>(queue.statistics().running); });
    callbacks_.push_back(registry.AddCallback(
        "queue_length", "Entries in a queue.", metrics::MetricType::kGauge,
        [&queue](const metrics::SampleSink& sink) {
          sink({{"queue", "analyses"}}, static_cast<double>(queue.statistics().queued));
        }));
    callbacks_.push_back(registry.AddCallback(
        "queue_capacity", "Entries that a queue may hold.", metrics::MetricType::kGauge,
        [&queue](const metrics::SampleSink& sink) {
          sink({{"queue", "analyses"}}, static_cast<double>(queue.limits().max_queue));
        }));
    callbacks_.push_back(registry.AddCallback(
        "analyses_refused_total", "Requests refused for a bound, by which.",
        metrics::MetricType::kCounter, [&queue](const metrics::SampleSink& sink) {
          const AnalysisStatistics statistics = queue.statistics();
          sink({{"reason", "rate"}}, static_cast<double>(statistics.refused_rate));
          sink({{"reason", "queue_full"}}, static_cast<double>(statistics.refused_queue));
          sink({{"reason", "more_urgent"}}, static_cast<double>(statistics.shed));
        }));
  }

  void OnAnswer(v1::AnalysisType type, absl::StatusCode code, absl::Duration took) {
    Requests(type, code).Increment();
    seconds_.Observe(absl::ToDoubleSeconds(took));
  }

 private:
  // Of what this analyzer does not do, one series: what a caller sends is no closed set.
  metrics::Counter Requests(v1::AnalysisType type, absl::StatusCode code) {
    const bool is_known = std::ranges::count(types_, type) > 0;
    return registry_.AddCounter(
        "analysis_requests_total",
        "Requests that were answered, by what was asked and how it ended.",
        {{"type", is_known ? TypeLabel(type) : "other"}, {"code", absl::StatusCodeToString(code)}});
  }
  void Gauge(const char* name, const char* help, std::function<double()> value) {
    callbacks_.push_back(
        registry_.AddCallback(name, help, metrics::MetricType::kGauge, std::move(value)));
  }

  metrics::Registry& registry_;
  metrics::Histogram seconds_;
  std::vector<v1::AnalysisType> types_;
  std::vector<metrics::CallbackHandle> callbacks_;
};

class AnalyzerServer final : public monitor::ServedComponent {
 public:
  AnalyzerServer(const std::string& name, AnalyzerParts parts,
                 const monitor::ServerContext& context)
      : parts_(std::move(parts)),
        loop_(context.clock),
        queue_(*parts_.analysis, LimitsOf(context.config), loop_, context.clock),
        can_(Negotiation(name, parts_, queue_.limits(), context.host)),
        metrics_(context.metrics, can_, queue_),
        service_(can_, *parts_.analysis, queue_, context.clock,
                 [this](v1::AnalysisType type, absl::StatusCode code, absl::Duration took) {
                   metrics_.OnAnswer(type, code, took);
                 }) {}

  std::vector<rpc::ServedService> services() override {
    return {{&service_, v1::AnalyzerService::service_full_name()}};
  }
  monitor::StreamLoop& loop() override { return loop_; }
  absl::Status Start() override { return absl::OkStatus(); }
  // Answers what is under way: nothing is left to drain.
  absl::Status Stop() override { return queue_.Stop(kStopPatience); }
  void Drain() override {}
  bool IsReady() const override { return true; }
  absl::Status Reload(const config::Config& config, const std::vector<std::string>&) override {
    return parts_.reload ? parts_.reload(config) : absl::OkStatus();
  }

 private:
  AnalyzerParts parts_;
  monitor::StreamLoop loop_;
  AnalysisQueue queue_;
  const v1::NegotiateAnalysisResponse can_;
  AnalyzerMetrics metrics_;
  AnalyzerService service_;
};

}  // namespace

int AnalyzerMain(int argc, char** argv, const AnalyzerDefinition& definition) {
  monitor::ServerDefinition server;
  server.name = definition.name;
  server.options = config::CommonServerOptions(
      {.component = definition.name, .metrics_port = definition.metrics_port, .has_bus = false});
  server.options.Append(AnalyzerOptions()).Append(definition.options);
  server.check = definition.check;
  server.capabilities = definition.capabilities;
  server.max_request_bytes = kMaxRequestBytes;
  server.make = [&](const monitor::ServerContext& context)
      -> absl::StatusOr<std::unique_ptr<monitor::ServedComponent>> {
    ASSIGN_OR_RETURN(AnalyzerParts parts, definition.make({context.config, context.metrics,
                                                           context.clock, context.host}));
    return std::make_unique<AnalyzerServer>(definition.name, std::move(parts), context);
  };
  return monitor::RunServer(argc, argv, server);
}

}  // namespace daemoneye::analysis_server
