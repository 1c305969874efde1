#include "libs/alerting/alert_text.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/time/time.h"
#include "libs/base/text.h"

namespace daemoneye::alerting {
namespace {

using base::EscapeForTerminal;

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone());
}

void AddField(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  const bool is_word = value.find_first_of(" =\"") == std::string_view::npos;
  const char* const quote = is_word ? "" : "\"";
  fmt::format_to(std::back_inserter(out), " {}={}{}{}", name, quote, EscapeForTerminal(value),
                 quote);
}

std::string EvidenceText(const v1::Alert& alert) {
  std::string out;
  for (const v1::Origin& origin : alert.evidence()) {
    fmt::format_to(std::back_inserter(out), "{}{}/{}/{}", out.empty() ? "" : ",", origin.monitor(),
                   origin.stream_id(), origin.sequence());
  }
  return out;
}

}  // namespace

std::string_view SeverityName(v1::Severity severity) {
  if (!v1::Severity_IsValid(severity)) severity = v1::SEVERITY_UNSPECIFIED;
  return std::string_view(v1::Severity_Name(severity)).substr(sizeof("SEVERITY_") - 1);
}

std::string AlertLine(const v1::Alert& alert) {
  std::string out =
      fmt::format("{} {} alert {}: {}", TimeText(alert.time()), SeverityName(alert.severity()),
                  alert.sequence(), EscapeForTerminal(alert.title()));
  AddField(out, "trigger", alert.trigger_id());
  AddField(out, "workflow", alert.workflow_id());
  AddField(out, "host", alert.host());
  AddField(out, "process", alert.process_name());
  if (alert.has_pid()) AddField(out, "pid", std::to_string(alert.pid()));
  AddField(out, "path", alert.executable_path());
  AddField(out, "attack", fmt::format("{}", fmt::join(alert.attack_ids(), ",")));
  if (alert.suppressed() > 0) AddField(out, "suppressed", std::to_string(alert.suppressed()));
  AddField(out, "evidence", EvidenceText(alert));
  AddField(out, "incomplete", fmt::format("{}", fmt::join(alert.completeness().reasons(), "; ")));
  AddField(out, "id", alert.id());
  return out;
}

std::string AlertJson(const v1::Alert& alert) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(alert, &text, options).ok()) text = "{}";
  // protobuf leaves bidi and C1 characters as they are; nlohmann escapes all that is not ASCII.
  const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.dump(-1, ' ', /*ensure_ascii=*/true,
                   nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace daemoneye::alerting
