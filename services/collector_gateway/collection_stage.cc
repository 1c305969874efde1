#include "services/collector_gateway/collection_stage.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/status_macros.h"
#include "libs/event/event.h"
#include "services/collector_gateway/struct_fields.h"
#include "services/collector_gateway/task_router.h"

namespace daemoneye::gateway {
namespace {

constexpr absl::Duration kMaxTaskTime = absl::Seconds(30);
constexpr uint32_t kDefaultRecords = 100;

using Links = std::vector<std::shared_ptr<MonitorLink>>;

// Whether the link has ever said what it is.
bool IsKnown(const MonitorLink::Status& link) { return !link.monitor.stream_id().empty(); }

bool IsOf(const std::string& monitor, const std::string& host, const v1::Origin& origin) {
  return monitor == origin.monitor() && host == origin.host();
}

// Whether events of `origin` come by the link, or came when it was last heard of.
bool TellsOf(const MonitorLink& link, const MonitorLink::Status& status, const v1::Origin& origin) {
  if (link.VouchesFor(origin)) return true;
  if (IsOf(status.monitor.monitor(), status.monitor.host(), origin)) return true;
  return std::ranges::any_of(status.monitor.origins(), [&](const v1::Publisher& publisher) {
    return IsOf(publisher.monitor(), publisher.host(), origin);
  });
}

bool TellsOfHost(const MonitorLink::Status& status, const std::string& host) {
  if (status.monitor.host() == host) return true;
  return std::ranges::any_of(status.monitor.origins(), [&](const v1::Publisher& publisher) {
    return publisher.host() == host;
  });
}

bool CanDo(const MonitorLink::Status& link, v1::SourceCap cap) {
  const auto& caps = link.monitor.granted_caps();
  return std::ranges::find(caps, cap) != caps.end();
}

// Whom to ask, by the address of the link.
struct Choice {
  std::vector<std::string> addresses;
  // Why those are asked rather than the one that was looked for; empty: it is that one.
  std::string instead;
};

absl::StatusOr<Choice> ChooseNamed(const Links& links, const v1::CollectionStage& config) {
  Choice choice;
  for (const std::string& name : config.monitors()) {
    bool is_found = false, has_unknown = false;
    for (const std::shared_ptr<MonitorLink>& link : links) {
      const MonitorLink::Status status = link->status();
      has_unknown |= !IsKnown(status);
      if (status.name() != name && status.address != name) continue;
      if (!IsKnown(status)) {
        return absl::UnavailableError(fmt::format("{} has not answered yet", name));
      }
      is_found = true;
      choice.addresses.push_back(status.address);
    }
    if (is_found) continue;
    const std::string text = fmt::format("no monitor is named \"{}\"", name);
    if (has_unknown) return absl::UnavailableError(text + "; one has not answered yet");
    return absl::FailedPreconditionError(text);
  }
  return choice;
}

absl::StatusOr<Choice> Choose(const Links& links, const analysis::StageWork& work,
                              v1::SourceCap cap) {
  const v1::CollectionStage& config = work.definition().collection();
  if (!config.monitors().empty()) return ChooseNamed(links, config);
  const v1::WorkflowExecution& execution = *work.execution;
  const bool has_origin = execution.has_event() && !execution.event().origin().monitor().empty();
  Choice of_event, of_host, all;
  bool has_unknown = false;
  for (const std::shared_ptr<MonitorLink>& link : links) {
    const MonitorLink::Status status = link->status();
    has_unknown |= !IsKnown(status);
    if (!CanDo(status, cap)) continue;
    all.addresses.push_back(status.address);
    if (has_origin && TellsOf(*link, status, execution.event().origin())) {
      of_event.addresses.push_back(status.address);
    }
    const std::string& host = execution.target().host();
    if (!host.empty() && TellsOfHost(status, host)) of_host.addresses.push_back(status.address);
  }
  if (!of_event.addresses.empty()) return of_event;
  if (has_unknown && (has_origin || all.addresses.empty())) {
    return absl::UnavailableError("a monitor has not answered yet");
  }
  Choice& next = of_host.addresses.empty() ? all : of_host;
  if (next.addresses.empty()) {
    return absl::FailedPreconditionError(
        fmt::format("no monitor has capability {}", v1::SourceCap_Name(cap)));
  }
  if (has_origin) {
    const v1::Origin& origin = execution.event().origin();
    next.instead = fmt::format("{}@{}, which the event came from, cannot be asked: others were",
                               origin.monitor(), origin.host());
  }
  return next;
}

// The payload under its proto names, with who told it.
absl::StatusOr<Struct> RecordOf(const v1::CollectionEvent& event) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  const auto* reflection = v1::CollectionEvent::GetReflection();
  const auto* payload = reflection->GetOneofFieldDescriptor(
      event, v1::CollectionEvent::descriptor()->FindOneofByName("payload"));
  Struct record;
  if (payload != nullptr) {
    std::string json;
    if (!google::protobuf::util::MessageToJsonString(reflection->GetMessage(event, payload), &json,
                                                     options)
             .ok() ||
        !google::protobuf::util::JsonStringToMessage(json, &record).ok()) {
      return absl::InternalError("a record has no JSON");
    }
  }
  PutText("host", event.origin().host(), record);
  PutText("monitor", event.origin().monitor(), record);
  return record;
}

// Takes records as they come, while they fit.
class Records {
 public:
  explicit Records(const v1::CollectionStage& config)
      : max_records_(config.max_records() == 0 ? kDefaultRecords : config.max_records()) {
    PutList("records", *result_.mutable_result());
  }

  bool Take(const v1::CollectionEvent& event) {
    ++total_;
    if (read_ >= max_records_ || is_full_) return true;
    const absl::StatusOr<Struct> record = RecordOf(event);
    if (!record.ok()) return true;
    bytes_ += record->ByteSizeLong() + 8;
    // The summary of the monitors comes behind them.
    is_full_ = bytes_ > kMaxStructBytes - (8 << 10);
    if (is_full_) return true;
    AddObject(*record, PutList("records", *result_.mutable_result()));
    AddEvidence(event.origin(), result_);
    ++read_;
    return true;
  }

  v1::AnalysisResult Finish(const v1::TaskSummary& summary);

 private:
  const uint32_t max_records_;
  uint32_t read_ = 0;
  uint64_t total_ = 0;
  size_t bytes_ = 0;
  bool is_full_ = false;
  v1::AnalysisResult result_;
};

v1::AnalysisResult Records::Finish(const v1::TaskSummary& summary) {
  constexpr int kMaxMonitors = 32;
  constexpr size_t kMaxErrorBytes = 128;
  Struct& out = *result_.mutable_result();
  PutNumber("read", read_, out);
  PutNumber("total", static_cast<double>(total_), out);
  ListValue& monitors = PutList("monitors", out);
  for (const v1::MonitorTaskResult& part : summary.monitors()) {
    if (monitors.values_size() >= kMaxMonitors) break;
    Struct monitor;
    PutText("monitor", part.monitor(), monitor, kMaxErrorBytes);
    PutNumber("records", static_cast<double>(part.records()), monitor);
    PutText("error", part.error(), monitor, kMaxErrorBytes);
    AddObject(std::move(monitor), monitors);
  }
  result_.set_verdict(v1::ANALYSIS_VERDICT_UNKNOWN);
  v1::Completeness& completeness = *result_.mutable_completeness();
  completeness.set_complete(true);
  for (const std::string& reason : summary.completeness().reasons()) {
    AddReason(reason, completeness);
  }
  if (is_full_)
    AddReason(fmt::format("{} of {} records fit the result", read_, total_), completeness);
  result_.set_authoritative(completeness.complete());
  result_.set_summary(fmt::format("{} record{} of {} monitor{}", total_, total_ == 1 ? "" : "s",
                                  summary.monitors_size(),
                                  summary.monitors_size() == 1 ? "" : "s"));
  return std::move(result_);
}

// What an answer without any monitor's means: another attempt helps where one of them may come
// back.
absl::Status NobodyAnswered(const v1::TaskSummary& summary) {
  bool may_pass = false;
  for (const v1::MonitorTaskResult& part : summary.monitors()) {
    if (part.error().empty()) return absl::OkStatus();
    may_pass |= !absl::StartsWith(part.error(), "UNIMPLEMENTED") &&
                !absl::StartsWith(part.error(), "FAILED_PRECONDITION") &&
                !absl::StartsWith(part.error(), "INVALID_ARGUMENT") &&
                !absl::StartsWith(part.error(), "PERMISSION_DENIED") &&
                !absl::StartsWith(part.error(), "UNAUTHENTICATED");
  }
  const std::string text =
      fmt::format("no monitor answered: {}", fmt::join(summary.completeness().reasons(), "; "));
  return may_pass ? absl::UnavailableError(text) : absl::FailedPreconditionError(text);
}

// A pattern that only `path` meets: a filter takes one with *?[ as a glob.
std::string Exactly(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    const bool is_special = c == '*' || c == '?' || c == '[';
    pattern += is_special ? fmt::format("[{}]", c) : std::string(1, c);
  }
  return pattern;
}

}  // namespace

v1::ExecuteTaskRequest TaskOf(const analysis::StageWork& work) {
  const v1::CollectionStage& config = work.definition().collection();
  const v1::AnalysisTarget& target = work.execution->target();
  v1::ExecuteTaskRequest request;
  request.set_task_id(work.execution->id() + "/" + work.definition().id().substr(0, 64));
  request.set_type(config.task_type() == v1::TASK_TYPE_UNSPECIFIED
                       ? v1::TASK_TYPE_ENUMERATE_PROCESSES
                       : config.task_type());
  v1::EventFilter& filter = *request.mutable_filter();
  if (config.has_filter()) {
    filter = config.filter();
    return request;
  }
  if (!target.process_key().empty()) {
    filter.add_process_keys(target.process_key());
  } else if (target.has_pid()) {
    filter.add_pids(target.pid());
  } else {
    filter.add_paths(Exactly(target.path()));
  }
  if (!target.host().empty()) filter.add_hosts(target.host());
  return request;
}

analysis::Begun CollectionStage::Begin(const analysis::StageWork& work, Done done) {
  return stages_.Begin(
      work,
      [this](const analysis::StageWork& now, std::stop_token stop) {
        return Run(now, std::move(stop));
      },
      std::move(done));
}

analysis::StageOutcome CollectionStage::Run(const analysis::StageWork& work,
                                            std::stop_token stop) const {
  const auto run = [&]() -> absl::StatusOr<v1::AnalysisResult> {
    v1::ExecuteTaskRequest request = TaskOf(work);
    const Links links = links_.links();
    ASSIGN_OR_RETURN(const Choice choice, Choose(links, work, CapabilityFor(request.type())));
    for (const std::string& address : choice.addresses) request.add_monitors(address);
    Records records(work.definition().collection());
    v1::TaskSummary summary;
    const absl::Status routed = RouteTask(
        links, request, stop, std::min(work.timeout, kMaxTaskTime),
        [&](const v1::CollectionEvent& event) { return records.Take(event); }, summary);
    // A link that went meanwhile.
    if (absl::IsNotFound(routed)) return absl::UnavailableError(routed.message());
    RETURN_IF_ERROR(routed);
    RETURN_IF_ERROR(NobodyAnswered(summary));
    if (!choice.instead.empty()) AddReason(choice.instead, *summary.mutable_completeness());
    return records.Finish(summary);
  };
  return {.result = run(), .alert_ids = {}};
}

}  // namespace daemoneye::gateway
