#include "libs/alerting/alert_filter.h"

#include <algorithm>
#include <string>
#include <utility>

namespace daemoneye::alerting {
namespace {

template <typename List>
bool IsAmong(const List& list, const std::string& value) {
  return list.empty() || std::ranges::find(list, value) != list.end();
}

std::pair<int64_t, int32_t> Key(const google::protobuf::Timestamp& time) {
  return {time.seconds(), time.nanos()};
}

}  // namespace

bool Matches(const v1::AlertFilter& filter, const v1::Alert& alert) {
  if (alert.severity() < filter.minimum_severity()) return false;
  if (!IsAmong(filter.trigger_ids(), alert.trigger_id())) return false;
  if (!IsAmong(filter.hosts(), alert.host())) return false;
  if (!filter.process_key().empty() && filter.process_key() != alert.process_key()) return false;
  if (filter.state() != v1::ALERT_STATE_UNSPECIFIED && filter.state() != alert.state()) {
    return false;
  }
  if (filter.has_since() && Key(alert.time()) < Key(filter.since())) return false;
  return !filter.has_until() || Key(alert.time()) < Key(filter.until());
}

}  // namespace daemoneye::alerting
