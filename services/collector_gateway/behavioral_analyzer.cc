#include "services/collector_gateway/behavioral_analyzer.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "libs/base/status_macros.h"
#include "libs/event/event_builder.h"
#include "libs/event/glob.h"
#include "libs/event/uuid.h"
#include "libs/trigger/condition_sql.h"
#include "services/collector_gateway/process_struct.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {
namespace {

constexpr absl::Duration kMaxTime = absl::Seconds(30);
constexpr absl::Duration kRateWindow = absl::Minutes(5);
constexpr absl::Duration kRateHistory = absl::Hours(1);
constexpr absl::Duration kLongEnough = absl::Hours(24);
constexpr double kBurstStarts = 30;
constexpr double kBurstRatio = 10;
constexpr double kUnusualParent = 0.8;
constexpr double kBurst = 0.6;
constexpr double kFirstSeen = 0.3;
constexpr double kEachMore = 0.1;
constexpr double kSurest = 0.95;
constexpr double kCleanConfidence = 0.6;
constexpr size_t kMaxSiblings = 10;
// Of one statement: a busy hour of a large fleet takes long to count.
constexpr absl::Duration kQueryTime = absl::Seconds(5);

bool FitsAny(const google::protobuf::RepeatedPtrField<std::string>& patterns,
             const std::string& name) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    if (!event::Glob::IsPattern(pattern)) return pattern == name;
    const absl::StatusOr<event::Glob> glob = event::Glob::Compile(pattern);
    return glob.ok() && glob->Matches(name);
  });
}

bool IsUnusual(const std::string& parent, const std::string& child) {
  return std::ranges::any_of(trigger::DefaultParentChild().pairs(), [&](const auto& pair) {
    return FitsAny(pair.parents(), parent) && FitsAny(pair.children(), child);
  });
}

v1::Cell TextParameter(const std::string& text) {
  v1::Cell cell;
  cell.set_string(text);
  return cell;
}

v1::Cell TimeParameter(absl::Time time) {
  v1::Cell cell;
  cell.set_int64(absl::ToUnixNanos(time));
  return cell;
}

// One look at one process.
class Behavior {
 public:
  Behavior(const ProcessLookup& lookup, const KnownProcess& known, absl::Time until,
           base::Monotonic deadline, base::Clock& clock, std::stop_token stop)
      : lookup_(lookup),
        known_(known),
        process_(known.event.process()),
        host_(known.event.origin().host()),
        until_(until),
        deadline_(deadline),
        clock_(clock),
        stop_(std::move(stop)) {
    result_.mutable_completeness()->set_complete(true);
    result_.set_authoritative(true);
  }

  // DeadlineExceeded, Cancelled.
  absl::StatusOr<v1::AnalysisResult> Run();

 private:
  struct Finding {
    double confidence;
    std::string text;
    bool is_enough;
  };

  absl::Duration left() const {
    return std::min(base::Elapsed(clock_.MonotonicNow(), deadline_), kQueryTime);
  }
  Struct& out() { return *result_.mutable_result(); }
  void Lack(std::string_view reason) { AddReason(reason, *result_.mutable_completeness()); }
  absl::Status LookAtAncestry();
  void LookAtSiblings();
  absl::Status LookAtHistory();
  // Starts of what `column` says in the window, and the mean of as long before it.
  absl::Status LookAtRate(const char* column, const std::string& value, const char* field,
                          std::string_view what);
  absl::StatusOr<double> CountStarts(const char* column, const std::string& value, absl::Time since,
                                     absl::Time until);
  absl::Status LookAtFirstSeen(absl::Time oldest);
  // One that took too long is a gap in what was looked at, not the end of all.
  absl::Status InTime(std::string_view what, const absl::Status& status);
  void Conclude();

  const ProcessLookup& lookup_;
  const KnownProcess& known_;
  const v1::ProcessEvent& process_;
  const std::string& host_;
  const absl::Time until_;
  const base::Monotonic deadline_;
  base::Clock& clock_;
  const std::stop_token stop_;
  Ancestry ancestry_;
  bool has_seen_all_ = true;
  std::vector<Finding> findings_;
  v1::AnalysisResult result_;
};

absl::Status Behavior::LookAtAncestry() {
  ASSIGN_OR_RETURN(ancestry_, lookup_.AncestorsOf(known_, left(), stop_));
  ListValue& list = PutList("ancestry", out());
  for (const KnownProcess& ancestor : ancestry_.processes) {
    Struct entry = DescribeProcess(ancestor);
    if (out().ByteSizeLong() + entry.ByteSizeLong() > kMaxStructBytes / 2) break;
    AddObject(std::move(entry), list);
    AddEvidence(ancestor.evidence, result_);
  }
  PutBool("ancestry_complete", ancestry_.gap.empty(), out());
  if (!ancestry_.gap.empty()) Lack(ancestry_.gap);
  // As it was called when it was last seen together with the process; it may have another name now.
  const std::string& parent = process_.has_parent_name() || ancestry_.processes.empty()
                                  ? process_.parent_name()
                                  : ancestry_.processes.front().event.process().name();
  if (parent.empty()) {
    if (!process_.has_ppid() || process_.ppid() != 0) has_seen_all_ = false;
    return absl::OkStatus();
  }
  if (!IsUnusual(parent, process_.name())) return absl::OkStatus();
  Struct& unusual = PutObject("unusual_parent", out());
  PutText("parent", parent, unusual);
  PutText("child", process_.name(), unusual);
  findings_.push_back({kUnusualParent,
                       fmt::format("unusual_parent: {} started {}", parent, process_.name()),
                       true});
  return absl::OkStatus();
}

void Behavior::LookAtSiblings() {
  if (!process_.has_parent_key()) return;
  size_t total = 0;
  const std::vector<KnownProcess> siblings =
      lookup_.ChildrenOf(process_.parent_key(), process_.process_key(), kMaxSiblings * 10, &total);
  const auto alike = std::ranges::count_if(siblings, [&](const KnownProcess& sibling) {
    return process_.has_executable_path() &&
           sibling.event.process().executable_path() == process_.executable_path();
  });
  PutNumber("siblings", static_cast<double>(total), out());
  PutNumber("siblings_alike", static_cast<double>(alike), out());
}

absl::StatusOr<double> Behavior::CountStarts(const char* column, const std::string& value,
                                             absl::Time since, absl::Time until) {
  ASSIGN_OR_RETURN(
      const std::vector<v1::QueryRow> rows,
      lookup_.Query(
          fmt::format("SELECT count(*) FROM process_events WHERE host = ?1 AND {} = ?2 "
                      "AND first_image AND action <> 'SNAPSHOT' AND event_time >= ?3 AND "
                      "event_time <= ?4",
                      column),
          {TextParameter(host_), TextParameter(value), TimeParameter(since), TimeParameter(until)},
          left(), stop_));
  return rows.empty() ? 0 : static_cast<double>(rows[0].cells(0).int64());
}

absl::Status Behavior::LookAtRate(const char* column, const std::string& value, const char* field,
                                  std::string_view what) {
  if (value.empty()) return absl::OkStatus();
  const absl::Time since = until_ - kRateWindow;
  ASSIGN_OR_RETURN(const double now, CountStarts(column, value, since, until_));
  ASSIGN_OR_RETURN(const double earlier,
                   CountStarts(column, value, since - kRateHistory, since - absl::Nanoseconds(1)));
  const double before = earlier * absl::FDivDuration(kRateWindow, kRateHistory);
  Struct& rate = PutObject(field, out());
  PutNumber("starts", now, rate);
  PutNumber("starts_before", before, rate);
  if (now < kBurstStarts || now < kBurstRatio * before) return absl::OkStatus();
  findings_.push_back(
      {kBurst,
       fmt::format("burst: {:.0f} starts of {} in 5 minutes, {:.1f} before", now, what, before),
       true});
  return absl::OkStatus();
}

absl::Status Behavior::LookAtFirstSeen(absl::Time oldest) {
  const absl::Duration history = std::max(until_ - oldest, absl::ZeroDuration());
  PutNumber("history_s", absl::ToDoubleSeconds(absl::Floor(history, absl::Seconds(1))), out());
  if (process_.executable_path().empty()) return absl::OkStatus();
  // By the name, too: that is what the store finds quickly.
  ASSIGN_OR_RETURN(
      const std::vector<v1::QueryRow> rows,
      lookup_.Query("SELECT origin_stream_id, origin_sequence FROM process_events WHERE host = ?1 "
                    "AND name = ?2 AND executable_path = ?3 AND process_key <> ?4 AND "
                    "event_time <= ?5 LIMIT 1",
                    {TextParameter(host_), TextParameter(process_.name()),
                     TextParameter(process_.executable_path()),
                     TextParameter(process_.process_key()), TimeParameter(until_)},
                    left(), stop_));
  PutBool("first_seen", rows.empty(), out());
  PutBool("first_seen_is_limited", history < kLongEnough, out());
  if (rows.empty() && history >= kLongEnough) {
    findings_.push_back(
        {kFirstSeen,
         fmt::format("first_seen: {} did not run on {} in {} h", process_.executable_path(), host_,
                     absl::ToInt64Hours(history)),
         false});
  }
  return absl::OkStatus();
}

absl::Status Behavior::LookAtHistory() {
  const std::optional<absl::Time> oldest = lookup_.oldest_stored();
  if (!oldest.has_value()) {
    has_seen_all_ = false;
    Lack("no rates and no first sight: nothing is stored");
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(
      InTime("starts of the image", LookAtRate("executable_path", process_.executable_path(),
                                               "starts_of_image", process_.executable_path())));
  RETURN_IF_ERROR(InTime("starts of the parent's children",
                         LookAtRate("parent_key", process_.parent_key(), "starts_of_parent",
                                    fmt::format("children of {}", process_.parent_name()))));
  return InTime("first sight", LookAtFirstSeen(*oldest));
}

absl::Status Behavior::InTime(std::string_view what, const absl::Status& status) {
  const bool has_time_left = base::Elapsed(clock_.MonotonicNow(), deadline_) > absl::Seconds(0);
  if (!absl::IsDeadlineExceeded(status) || !has_time_left) return status;
  has_seen_all_ = false;
  Lack(fmt::format("{}: there are too many events to look at", what));
  return absl::OkStatus();
}

void Behavior::Conclude() {
  ListValue& list = PutList("findings", out());
  double surest = 0;
  bool is_enough = false;
  for (const Finding& finding : findings_) {
    list.add_values()->set_string_value(
        std::string(base::Utf8Prefix(finding.text, kMaxFieldBytes / 2)));
    surest = std::max(surest, finding.confidence);
    is_enough |= finding.is_enough;
  }
  const std::string chain = ChainText(known_, ancestry_);
  if (findings_.empty()) {
    result_.set_verdict(has_seen_all_ ? v1::ANALYSIS_VERDICT_CLEAN : v1::ANALYSIS_VERDICT_UNKNOWN);
    result_.set_confidence(has_seen_all_ ? kCleanConfidence : 0);
    result_.set_summary("Nothing unusual: " + chain);
    return;
  }
  const double more = kEachMore * static_cast<double>(findings_.size() - 1);
  result_.set_confidence(std::min(surest + more, kSurest));
  result_.set_verdict(is_enough ? v1::ANALYSIS_VERDICT_SUSPICIOUS : v1::ANALYSIS_VERDICT_UNKNOWN);
  result_.set_summary(std::string(
      base::Utf8Prefix(fmt::format("{}: {}", findings_.front().text, chain), kMaxFieldBytes / 2)));
}

absl::StatusOr<v1::AnalysisResult> Behavior::Run() {
  PutObject("process", out()) = DescribeProcess(known_);
  AddEvidence(known_.evidence, result_);
  RETURN_IF_ERROR(LookAtAncestry());
  LookAtSiblings();
  RETURN_IF_ERROR(LookAtHistory());
  Conclude();
  return std::move(result_);
}

}  // namespace

BehavioralAnalyzer::BehavioralAnalyzer(BehavioralPorts ports)
    : ports_(std::move(ports)), lookup_(ports_.lookup) {
  capabilities_.set_name(kBehavioralAnalyzer);
  capabilities_.set_instance_id(event::NewUuid());
  capabilities_.set_version(ports_.version);
  capabilities_.add_analysis_types(v1::ANALYSIS_TYPE_BEHAVIORAL_ANALYSIS);
  v1::AnalyzerLimits& limits = *capabilities_.mutable_limits();
  limits.set_max_concurrent(ports_.max_concurrent);
  event::SetDuration(kMaxTime, limits.mutable_max_duration());
}

std::unique_ptr<analysis::StageCall> BehavioralAnalyzer::Begin(const v1::AnalyzeRequest& request,
                                                               absl::Duration timeout, Done done) {
  // Its callers keep to max_concurrent, so it waits for a thread rather than to be asked again.
  return ports_.stages.BeginBounded(
      std::min(timeout, kMaxTime),
      [this, request](absl::Duration left, std::stop_token stop) -> analysis::StageOutcome {
        return {.result = Analyze(request, left, std::move(stop)), .alert_ids = {}};
      },
      [done = std::move(done)](analysis::StageOutcome outcome) {
        done(std::move(outcome.result));
      });
}

absl::StatusOr<v1::AnalysisResult> BehavioralAnalyzer::Analyze(const v1::AnalyzeRequest& request,
                                                               absl::Duration left,
                                                               std::stop_token stop) const {
  using base::operator+;
  if (request.analysis_type() != v1::ANALYSIS_TYPE_BEHAVIORAL_ANALYSIS) {
    return absl::FailedPreconditionError("analysis_type: only BEHAVIORAL_ANALYSIS is done here");
  }
  const base::Monotonic deadline = ports_.clock.MonotonicNow() + left;
  ASSIGN_OR_RETURN(const std::vector<KnownProcess> found,
                   lookup_.Find(request.target(), left, stop));
  if (found.empty()) return absl::NotFoundError("no such process is known");
  if (found.size() > 1) {
    v1::AnalysisResult result;
    result.set_verdict(v1::ANALYSIS_VERDICT_UNKNOWN);
    AddReason(
        fmt::format("{} processes fit the target: process_key tells them apart", found.size()),
        *result.mutable_completeness());
    result.set_summary(result.completeness().reasons(0));
    return result;
  }
  const v1::CollectionEvent& event = request.context().event();
  const absl::Time until =
      event.has_event_time() ? event::ToTime(event.event_time()) : ports_.clock.Now();
  Behavior behavior(lookup_, found.front(), until, deadline, ports_.clock, stop);
  ASSIGN_OR_RETURN(v1::AnalysisResult result, behavior.Run());
  if (ports_.completeness) {
    const v1::Completeness of_host = ports_.completeness(found.front().event.origin().host());
    for (const std::string& reason : of_host.reasons()) {
      AddReason(reason, *result.mutable_completeness());
    }
  }
  return result;
}

}  // namespace daemoneye::gateway
