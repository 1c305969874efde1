#include "libs/alerting/alertmanager_alert.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "libs/alerting/alert_text.h"
#include "libs/base/text.h"

namespace daemoneye::alerting {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxLabelBytes = 256;
constexpr size_t kMaxAnnotationBytes = 4096;
constexpr std::string_view kCut = " [...]";

// Text that may hold newlines of ours, so it is not escaped here.
void Add(Json& to, const char* name, std::string_view text, size_t max_bytes) {
  if (text.empty()) return;  // Alertmanager takes an empty label for none
  std::string value(base::Utf8Prefix(text, max_bytes));
  if (value.size() < text.size()) value += kCut;
  to[name] = std::move(value);
}

void AddLabel(Json& to, const char* name, std::string_view text) {
  Add(to, name, base::EscapeForTerminal(text), kMaxLabelBytes);
}

void AddAnnotation(Json& to, const char* name, std::string_view text) {
  Add(to, name, base::EscapeForTerminal(text), kMaxAnnotationBytes);
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", time, absl::UTCTimeZone());
}

Json Labels(const v1::Alert& alert) {
  const bool is_of_workflow = alert.trigger_id().empty() && !alert.workflow_id().empty();
  const std::string& rule = is_of_workflow ? alert.workflow_id() : alert.trigger_id();
  std::string severity(SeverityName(alert.severity()));
  std::ranges::transform(severity, severity.begin(), [](char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  Json labels = Json::object();
  AddLabel(labels, "alertname", rule.empty() ? "daemoneye" : rule);
  AddLabel(labels, "rule", is_of_workflow ? "workflow" : "trigger");
  AddLabel(labels, "severity", severity);
  AddLabel(labels, "host", alert.host());
  AddLabel(labels, "process_name", alert.process_name());
  AddLabel(labels, "process_key", alert.process_key());
  if (alert.process_key().empty()) AddLabel(labels, "alert_id", alert.id());
  AddLabel(labels, "source", "daemoneye");
  return labels;
}

std::string EvidenceText(const v1::Alert& alert) {
  std::string out;
  for (const v1::Origin& origin : alert.evidence()) {
    fmt::format_to(std::back_inserter(out), "{}{}/{}/{}", out.empty() ? "" : ",", origin.monitor(),
                   origin.stream_id(), origin.sequence());
  }
  return out;
}

// A line each, in the order of their names.
std::string DetailsText(const v1::Alert& alert) {
  const std::map<std::string, std::string> sorted(alert.details().begin(), alert.details().end());
  std::string out;
  for (const auto& [name, value] : sorted) {
    fmt::format_to(std::back_inserter(out), "{}{} = {}", out.empty() ? "" : "\n",
                   base::EscapeForTerminal(name), base::EscapeForTerminal(value));
  }
  return out;
}

std::string CompletenessText(const v1::Alert& alert) {
  if (alert.completeness().reasons().empty()) return "complete";
  return fmt::format("degraded: {}", fmt::join(alert.completeness().reasons(), "; "));
}

Json Annotations(const v1::Alert& alert) {
  Json annotations = Json::object();
  AddAnnotation(annotations, "summary", alert.title());
  AddAnnotation(annotations, "description", AlertLine(alert));
  AddAnnotation(annotations, "alert_id", alert.id());
  AddAnnotation(annotations, "correlation_id", alert.correlation_id());
  AddAnnotation(annotations, "executable_path", alert.executable_path());
  if (alert.has_pid()) AddAnnotation(annotations, "pid", std::to_string(alert.pid()));
  AddAnnotation(annotations, "attack_ids", fmt::format("{}", fmt::join(alert.attack_ids(), ",")));
  AddAnnotation(annotations, "evidence", EvidenceText(alert));
  if (alert.suppressed() > 0) {
    AddAnnotation(annotations, "suppressed", std::to_string(alert.suppressed()));
  }
  AddAnnotation(annotations, "completeness", CompletenessText(alert));
  Add(annotations, "details", DetailsText(alert), kMaxAnnotationBytes);
  return annotations;
}

}  // namespace

std::string AlertmanagerAlert(const v1::Alert& alert, const AlertmanagerFormat& format,
                              absl::Time now) {
  Json json = {{"labels", Labels(alert)}, {"annotations", Annotations(alert)}};
  if (alert.has_time()) {
    const absl::Time raised =
        absl::FromUnixSeconds(alert.time().seconds()) + absl::Nanoseconds(alert.time().nanos());
    // Never behind its end: clocks are set back.
    json["startsAt"] = TimeText(std::min(raised, now));
  }
  json["endsAt"] = TimeText(now + format.resolve_after);
  if (!format.generator_url.empty()) {
    constexpr std::string_view kId = "{alert_id}";
    std::string url = format.generator_url;
    const size_t at = url.find(kId);
    if (at != std::string::npos) url.replace(at, kId.size(), alert.id());
    json["generatorURL"] = std::move(url);
  }
  return json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace daemoneye::alerting
