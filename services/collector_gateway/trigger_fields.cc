#include "services/collector_gateway/trigger_fields.h"

#include <string>
#include <utility>

#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"
#include "libs/trigger/condition_sql.h"
#include "libs/trigger/trigger_check.h"

namespace daemoneye::gateway {

using google::protobuf::util::TimeUtil;

std::vector<v1::TriggerProblem> CheckTriggerFields(const v1::Trigger& trigger,
                                                   const FieldCheckOptions& options) {
  std::vector<v1::TriggerProblem> problems =
      trigger::CheckTrigger(trigger, !options.id_may_be_empty);
  if (const auto sql = trigger::ConditionSql(trigger.condition()); !sql.ok()) {
    // "<field>: <what>"
    const std::string message(sql.status().message());
    const size_t colon = message.find(": ");
    problems.push_back(colon == std::string::npos
                           ? trigger::Problem("condition", message)
                           : trigger::Problem(message.substr(0, colon), message.substr(colon + 2)));
  }
  return problems;
}

absl::Status CheckServersFields(const v1::Trigger& trigger, const std::string& path) {
  const std::pair<bool, const char*> fields[] = {
      {trigger.has_muted_until(), "muted_until"},
      {trigger.managed_by() != v1::TRIGGER_MANAGER_UNSPECIFIED &&
           trigger.managed_by() != v1::TRIGGER_MANAGER_FILE,
       "managed_by"},
      {!trigger.etag().empty(), "etag"},
      {!trigger.effective_sql().empty(), "effective_sql"},
      {trigger.has_updated_at(), "updated_at"},
      {!trigger.suspended().empty(), "suspended"}};
  for (const auto& [is_set, name] : fields) {
    if (is_set) {
      return absl::InvalidArgumentError(
          fmt::format("{}.{}: is set by the server, not in a file", path, name));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMute(const v1::Trigger& trigger, absl::Time now) {
  if (!trigger.has_muted_until()) return absl::OkStatus();
  const google::protobuf::Timestamp& until = trigger.muted_until();
  if (until.seconds() < TimeUtil::kTimestampMinSeconds ||
      until.seconds() > TimeUtil::kTimestampMaxSeconds || until.nanos() < 0 ||
      until.nanos() >= 1'000'000'000) {
    return absl::InvalidArgumentError("muted_until: is not a time");
  }
  if (absl::FromUnixSeconds(until.seconds()) > now + kMaxMute) {
    return absl::InvalidArgumentError("muted_until: at most 30 days from now");
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::gateway
