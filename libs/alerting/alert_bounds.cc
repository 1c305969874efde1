#include "libs/alerting/alert_bounds.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "libs/base/text.h"

namespace daemoneye::alerting {
namespace {

void BoundText(std::string* text, size_t max_bytes) {
  if (!base::IsUtf8(*text)) *text = base::EscapeBytes(*text);
  if (text->size() > max_bytes) text->resize(base::Utf8Prefix(*text, max_bytes).size());
}

template <typename Repeated>
void KeepFirst(Repeated& values, int count) {
  if (values.size() > count) values.DeleteSubrange(count, values.size() - count);
}

bool AreWithinBounds(const google::protobuf::Map<std::string, std::string>& details) {
  if (details.size() > kMaxDetails) return false;
  size_t bytes = 0;
  for (const auto& [name, value] : details) {
    bytes += name.size() + value.size();
    if (name.size() > kMaxTextBytes || value.size() > kMaxTextBytes || !base::IsUtf8(name) ||
        !base::IsUtf8(value)) {
      return false;
    }
  }
  return bytes <= kMaxDetailsBytes;
}

void BoundDetails(v1::Alert& alert) {
  if (AreWithinBounds(alert.details())) return;
  // In order of their names, so that what is cut does not depend on a hash.
  const std::map<std::string, std::string> all(alert.details().begin(), alert.details().end());
  alert.clear_details();
  size_t bytes = 0;
  for (const auto& detail : all) {
    std::string name = detail.first, value = detail.second;
    BoundText(&name, kMaxTextBytes);
    BoundText(&value, kMaxTextBytes);
    bytes += name.size() + value.size();
    if (alert.details().size() >= kMaxDetails || bytes > kMaxDetailsBytes) return;
    (*alert.mutable_details())[name] = value;
  }
}

}  // namespace

void BoundAlert(v1::Alert& alert) {
  if (!v1::Severity_IsValid(alert.severity()) || alert.severity() == v1::SEVERITY_UNSPECIFIED) {
    alert.set_severity(v1::SEVERITY_MEDIUM);
  }
  BoundText(alert.mutable_title(), kMaxTitleBytes);
  for (std::string* text :
       {alert.mutable_trigger_id(), alert.mutable_workflow_id(), alert.mutable_process_key(),
        alert.mutable_process_name(), alert.mutable_executable_path(), alert.mutable_host(),
        alert.mutable_correlation_id(), alert.mutable_execution_id()}) {
    BoundText(text, kMaxTextBytes);
  }
  KeepFirst(*alert.mutable_evidence(), kMaxEvidence);
  KeepFirst(*alert.mutable_attack_ids(), kMaxAttackIds);
  KeepFirst(*alert.mutable_completeness()->mutable_reasons(), kMaxReasons);
  for (v1::Origin& origin : *alert.mutable_evidence()) {
    BoundText(origin.mutable_monitor(), kMaxTextBytes);
    BoundText(origin.mutable_host(), kMaxTextBytes);
    BoundText(origin.mutable_stream_id(), kMaxTextBytes);
  }
  for (std::string& id : *alert.mutable_attack_ids()) BoundText(&id, kMaxTitleBytes);
  for (std::string& reason : *alert.mutable_completeness()->mutable_reasons()) {
    BoundText(&reason, kMaxTitleBytes);
  }
  BoundDetails(alert);
}

}  // namespace daemoneye::alerting
