#include "services/collector_gateway/enrichment_stage.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "services/collector_gateway/process_struct.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {
namespace {

constexpr size_t kMaxHistory = 50;
constexpr absl::Duration kQueryTime = absl::Seconds(10);

bool Wants(const v1::EnrichmentStage& config, v1::Enrichment what) {
  return config.add().empty() || std::ranges::find(config.add(), what) != config.add().end();
}

// What a target is called in a sentence.
std::string TextOf(const v1::AnalysisTarget& target) {
  if (!target.process_key().empty()) return fmt::format("process {}", target.process_key());
  if (target.has_pid()) return fmt::format("pid {}", target.pid());
  return target.path();
}

void PutContainer(const v1::ProcessEvent& process, Struct& out) {
  Struct& container = PutObject("container", out);
  // Without its control group nobody can say that it is in none.
  if (process.has_container_id() || process.has_cgroup_path()) {
    PutBool("in_container", process.has_container_id(), container);
  }
  PutText("container_id", process.container_id(), container);
  PutText("pod_uid", process.pod_uid(), container);
  PutText("cgroup_path", process.cgroup_path(), container);
  if (process.has_container_pid()) PutNumber("container_pid", process.container_pid(), container);
}

void PutUser(const v1::ProcessEvent& process, Struct& out) {
  Struct& user = PutObject("user", out);
  if (process.has_user_id()) PutNumber("user_id", process.user_id(), user);
  PutText("user_name", process.user_name(), user);
  if (process.has_effective_user_id()) {
    PutNumber("effective_user_id", process.effective_user_id(), user);
  }
  if (process.has_group_id()) PutNumber("group_id", process.group_id(), user);
  if (process.has_login_user_id()) PutNumber("login_user_id", process.login_user_id(), user);
}

void PutHash(const v1::CollectionEvent& event, const ProcessLookup& lookup, Struct& out) {
  const v1::ProcessEvent& process = event.process();
  Struct& hash = PutObject("hash", out);
  PutText("executable_hash", process.executable_hash(), hash);
  PutText("hash_algorithm", process.hash_algorithm(), hash);
  if (process.has_hash_state()) {
    constexpr size_t kPrefix = sizeof("HASH_STATE_") - 1;
    PutText("hash_state",
            std::string_view(v1::HashState_Name(process.hash_state())).substr(kPrefix), hash);
  }
  // Files of a container are its own: hash_baseline has none of them.
  if (process.has_container_id()) return;
  const auto baselines = lookup.BaselineOf(process.executable_path(), event.origin().host());
  if (baselines.empty()) return;
  ListValue& list = PutList("baseline", hash);
  bool matches = false, is_comparable = false;
  for (const ProcessLookup::Baseline& baseline : baselines) {
    Struct entry;
    PutText("hash", baseline.hash, entry);
    PutText("algorithm", baseline.algorithm, entry);
    PutText("source", baseline.source, entry);
    AddObject(std::move(entry), list);
    if (!process.has_executable_hash() || baseline.algorithm != process.hash_algorithm()) continue;
    is_comparable = true;
    matches |= baseline.hash == process.executable_hash();
  }
  if (is_comparable) PutBool("matches_baseline", matches, hash);
}

// Adds entries while they fit; false: one was left out.
bool AddWithin(size_t max_bytes, const Struct& out, Struct entry, ListValue& list) {
  if (out.ByteSizeLong() + entry.ByteSizeLong() > max_bytes) return false;
  AddObject(std::move(entry), list);
  return true;
}

// One look at one target.
class Enrichment {
 public:
  Enrichment(const ProcessLookup& lookup, const analysis::StageWork& work, std::stop_token stop)
      : lookup_(lookup), work_(work), stop_(std::move(stop)) {
    result_.set_verdict(v1::ANALYSIS_VERDICT_UNKNOWN);
    result_.mutable_completeness()->set_complete(true);
  }

  absl::StatusOr<v1::AnalysisResult> Run();
  // Of whose host it says something; known once it has run.
  const std::string& host() const { return host_; }

 private:
  absl::Duration timeout() const { return std::min(work_.timeout, kQueryTime); }
  Struct& out() { return *result_.mutable_result(); }
  void Lack(std::string_view reason) { AddReason(reason, *result_.mutable_completeness()); }
  void DescribeMany(const std::vector<KnownProcess>& found);
  absl::Status DescribeOne(const KnownProcess& process);
  absl::Status AddAncestry(const KnownProcess& process);
  absl::Status AddHistory(const KnownProcess& process);

  const ProcessLookup& lookup_;
  const analysis::StageWork& work_;
  const std::stop_token stop_;
  std::string host_;
  v1::AnalysisResult result_;
};

absl::StatusOr<v1::AnalysisResult> Enrichment::Run() {
  const v1::AnalysisTarget& target = work_.execution->target();
  host_ = target.host();
  ASSIGN_OR_RETURN(const std::vector<KnownProcess> found, lookup_.Find(target, timeout(), stop_));
  PutBool("found", !found.empty(), out());
  if (found.empty()) {
    const std::string where = target.host().empty() ? "" : " on " + target.host();
    result_.set_summary(fmt::format("Nothing is known of {}{}", TextOf(target), where));
    Lack(fmt::format("{}{} is not known", TextOf(target), where));
    return result_;
  }
  result_.set_authoritative(true);
  if (found.size() > 1) {
    DescribeMany(found);
    return result_;
  }
  host_ = found.front().event.origin().host();
  RETURN_IF_ERROR(DescribeOne(found.front()));
  return result_;
}

void Enrichment::DescribeMany(const std::vector<KnownProcess>& found) {
  ListValue& list = PutList("processes", out());
  for (const KnownProcess& process : found) {
    if (!AddWithin(kMaxStructBytes, out(), DescribeProcess(process), list)) break;
    AddEvidence(process.evidence, result_);
  }
  const v1::AnalysisTarget& target = work_.execution->target();
  result_.set_summary(fmt::format("{} processes fit {}", found.size(), TextOf(target)));
  if (!target.has_pid()) return;
  // Which of them was meant?
  result_.set_authoritative(false);
  Lack(fmt::format("{} processes have pid {}: process_key or host tells them apart", found.size(),
                   target.pid()));
}

absl::Status Enrichment::DescribeOne(const KnownProcess& process) {
  const v1::EnrichmentStage& config = work_.definition().enrichment();
  PutObject("process", out()) = DescribeProcess(process);
  AddEvidence(process.evidence, result_);
  if (Wants(config, v1::ENRICHMENT_CONTAINER)) PutContainer(process.event.process(), out());
  if (Wants(config, v1::ENRICHMENT_USER)) PutUser(process.event.process(), out());
  if (Wants(config, v1::ENRICHMENT_HASH)) PutHash(process.event, lookup_, out());
  result_.set_summary(ChainText(process, {}));
  if (Wants(config, v1::ENRICHMENT_ANCESTRY)) RETURN_IF_ERROR(AddAncestry(process));
  if (Wants(config, v1::ENRICHMENT_HISTORY)) return AddHistory(process);
  return absl::OkStatus();
}

absl::Status Enrichment::AddAncestry(const KnownProcess& process) {
  ASSIGN_OR_RETURN(const Ancestry ancestry, lookup_.AncestorsOf(process, timeout(), stop_));
  ListValue& list = PutList("ancestry", out());
  bool is_whole = ancestry.gap.empty();
  if (!is_whole) Lack(ancestry.gap);
  for (const KnownProcess& ancestor : ancestry.processes) {
    if (!AddWithin(kMaxStructBytes, out(), DescribeProcess(ancestor), list)) {
      Lack("the ancestry does not fit the result");
      is_whole = false;
      break;
    }
    AddEvidence(ancestor.evidence, result_);
  }
  PutBool("ancestry_complete", is_whole, out());
  result_.set_summary(ChainText(process, ancestry));
  return absl::OkStatus();
}

absl::Status Enrichment::AddHistory(const KnownProcess& process) {
  const absl::StatusOr<std::vector<v1::CollectionEvent>> events =
      lookup_.LastEvents(process.event.process().process_key(), kMaxHistory, timeout(), stop_);
  if (absl::IsFailedPrecondition(events.status())) {
    Lack("no history: nothing is stored");
    return absl::OkStatus();
  }
  if (absl::IsDeadlineExceeded(events.status())) {
    Lack("no history: it was not found in time");
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(events.status());
  ListValue& list = PutList("history", out());
  for (const v1::CollectionEvent& event : *events) {
    if (!AddWithin(kMaxStructBytes, out(), DescribeEvent(event), list)) {
      PutNumber("history_left_out", static_cast<double>(events->size()) - list.values_size(),
                out());
      break;
    }
    AddEvidence(event.origin(), result_);
  }
  return absl::OkStatus();
}

}  // namespace

analysis::Begun EnrichmentStage::Begin(const analysis::StageWork& work, Done done) {
  return ports_.stages.Begin(
      work,
      [this](const analysis::StageWork& now, std::stop_token stop) {
        return Run(now, std::move(stop));
      },
      std::move(done));
}

analysis::StageOutcome EnrichmentStage::Run(const analysis::StageWork& work,
                                            std::stop_token stop) const {
  Enrichment enrichment(lookup_, work, std::move(stop));
  absl::StatusOr<v1::AnalysisResult> result = enrichment.Run();
  if (result.ok() && ports_.completeness) {
    const v1::Completeness of_host = ports_.completeness(enrichment.host());
    for (const std::string& reason : of_host.reasons()) {
      AddReason(reason, *result->mutable_completeness());
    }
  }
  return {.result = std::move(result), .alert_ids = {}};
}

}  // namespace daemoneye::gateway
