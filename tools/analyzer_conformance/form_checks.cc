// Form: what an analyzer says of itself, and what its answers look like.

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>

#include "fmt/format.h"
#include "libs/analysis/result_check.h"
#include "libs/base/status_macros.h"
#include "libs/event/uuid.h"
#include "tools/analyzer_conformance/checks.h"

namespace daemoneye::conformance {
namespace {

constexpr char kService[] = "daemoneye.v1.AnalyzerService";
constexpr int kMaxCustomTypes = 64;
constexpr absl::Duration kSlack = absl::Seconds(1);

bool Has(const v1::NegotiateAnalysisResponse& negotiated, v1::AnalysisType type) {
  return std::ranges::count(negotiated.analysis_types(), static_cast<int>(type)) > 0;
}

absl::Status NegotiationIsComplete(const Subject& subject) {
  const v1::NegotiateAnalysisResponse& n = subject.negotiated;
  if (n.name().empty()) return Broken("name is empty");
  if (n.name().find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                 "._-") != std::string::npos) {
    return Broken(fmt::format("name is '{}': want letters, digits, '.', '_' and '-'", n.name()));
  }
  if (!event::IsUuid(n.instance_id())) return Broken("instance_id is no UUID");
  if (n.version().empty()) return Broken("version is empty");
  if (n.analysis_types().empty()) return Broken("analysis_types is empty");
  std::set<int> seen;
  for (const int type : n.analysis_types()) {
    if (type == v1::ANALYSIS_TYPE_UNSPECIFIED || !v1::AnalysisType_IsValid(type)) {
      return Broken(fmt::format("analysis_types holds {}, which is no type", type));
    }
    if (!seen.insert(type).second) return Broken("analysis_types names a type twice");
  }
  if (Has(n, v1::ANALYSIS_TYPE_CUSTOM) != !n.custom_types().empty()) {
    return Broken("custom_types and ANALYSIS_TYPE_CUSTOM: one is there without the other");
  }
  if (n.custom_types_size() > kMaxCustomTypes) return Broken("custom_types has more than 64");
  for (const int priority : n.priorities()) {
    if (priority == 0 || !v1::TriggerPriority_IsValid(priority)) {
      return Broken(fmt::format("priorities holds {}, which is none", priority));
    }
  }
  const auto& longest = n.limits().max_duration();
  if (n.limits().has_max_duration() &&
      (longest.seconds() < 0 || longest.nanos() < 0 || longest.seconds() + longest.nanos() == 0)) {
    return Broken("limits.max_duration is not above zero: leave it out where there is none");
  }
  return absl::OkStatus();
}

absl::Status NegotiationStaysTheSame(const Subject& subject) {
  ASSIGN_OR_RETURN(const v1::NegotiateAnalysisResponse again, subject.caller.Negotiate());
  if (again.SerializeAsString() == subject.negotiated.SerializeAsString()) return absl::OkStatus();
  return Broken(again.instance_id() == subject.negotiated.instance_id()
                    ? "asked again it says something else"
                    : "instance_id is another one at each call, or it has been restarted");
}

absl::Status HealthIsServing(const Subject& subject) {
  for (const std::string service : {"", kService, "liveness", "readiness"}) {
    const std::string state = subject.caller.Health(service);
    if (state != "SERVING") {
      return Broken(fmt::format("grpc.health.v1.Health/Check of '{}' is {}", service, state));
    }
  }
  const std::string unknown = subject.caller.Health("no.such.Service");
  if (unknown == "NOT_FOUND") return absl::OkStatus();
  return Broken(fmt::format("Check of a service that it has not is {}, not NOT_FOUND", unknown));
}

absl::Status ReflectionTellsTheApi(const Subject& subject) {
  ASSIGN_OR_RETURN(const std::vector<std::string> services, subject.caller.ReflectServices());
  for (const std::string name : {kService, "grpc.health.v1.Health"}) {
    if (std::ranges::find(services, name) == services.end()) {
      return Broken(fmt::format("reflection does not list {}", name));
    }
    RETURN_IF_ERROR(subject.caller.ReflectSymbol(name));
  }
  return absl::OkStatus();
}

absl::Duration LongestOf(const v1::NegotiateAnalysisResponse& negotiated) {
  const auto& longest = negotiated.limits().max_duration();
  if (!negotiated.limits().has_max_duration()) return AnalyzerCaller::kTimeout;
  return absl::Seconds(longest.seconds()) + absl::Nanoseconds(longest.nanos());
}

absl::Status CheckAnswer(const Subject& subject, const v1::AnalyzeRequest& request,
                         const Answer& answer) {
  const absl::Status form = analysis::CheckResult(answer.result);
  if (!form.ok()) {
    return Broken(fmt::format("{}: {}", KindName(request), std::string(form.message())));
  }
  if (answer.result.summary().empty()) {
    return Broken(fmt::format("{}: result.summary is empty", KindName(request)));
  }
  if (answer.took > LongestOf(subject.negotiated) + kSlack) {
    return Broken(fmt::format("{}: took {}, limits.max_duration is {}", KindName(request),
                              absl::FormatDuration(answer.took),
                              absl::FormatDuration(LongestOf(subject.negotiated))));
  }
  return absl::OkStatus();
}

absl::Status EveryTypeIsAnswered(const Subject& subject) {
  for (size_t i = 0; i < KindCount(subject.negotiated); ++i) {
    std::string refusals;
    bool is_answered = false;
    for (const v1::AnalysisTarget& target : subject.targets) {
      const v1::AnalyzeRequest request = RequestOf(subject, i, target);
      const Answer answer = subject.caller.AnalyzePatiently(request);
      if (answer.status.ok()) {
        is_answered = true;
        RETURN_IF_ERROR(CheckAnswer(subject, request, answer));
        continue;
      }
      const bool may_refuse =
          absl::IsNotFound(answer.status) || absl::IsInvalidArgument(answer.status);
      fmt::format_to(std::back_inserter(refusals), "; {}", answer.status.ToString());
      if (!may_refuse) return Broken(KindName(request) + refusals);
    }
    if (is_answered) continue;
    return Broken(fmt::format("{} is claimed, and none of the targets was answered{}",
                              KindName(RequestOf(subject, i, {})), refusals));
  }
  return absl::OkStatus();
}

const Check kChecks[] = {
    {"negotiation-is-complete", NegotiationIsComplete},
    {"negotiation-stays-the-same", NegotiationStaysTheSame},
    {"health-is-serving", HealthIsServing},
    {"reflection-tells-the-api", ReflectionTellsTheApi},
    {"every-type-is-answered", EveryTypeIsAnswered},
};

}  // namespace

std::span<const Check> FormChecks() { return kChecks; }

}  // namespace daemoneye::conformance
