#include "libs/monitor/source_proto.h"

#include "google/protobuf/util/time_util.h"

namespace daemoneye::monitor {
namespace {

using google::protobuf::util::TimeUtil;

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  return TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(time));
}

}  // namespace

void AddCaps(collector::SourceCaps caps, google::protobuf::RepeatedField<int>& out) {
  // The flags stand in the enum's order: 1 << (value - 1).
  for (int cap = v1::SOURCE_CAP_PROCESS; cap <= v1::SOURCE_CAP_SYSTEM_WIDE; ++cap) {
    if (collector::Contains(caps, static_cast<collector::SourceCaps>(1u << (cap - 1)))) {
      out.Add(cap);
    }
  }
}

v1::Source ToProto(const collector::SourceStatus& source) {
  v1::Source out;
  out.set_name(source.name);
  AddCaps(source.caps, *out.mutable_caps());
  for (const std::string& topic : source.events) out.add_events(topic);
  out.set_state(static_cast<v1::SourceState>(source.state));
  return out;
}

v1::SourceHealth ToHealthProto(const collector::SourceStatus& source) {
  v1::SourceHealth out;
  out.set_name(source.name);
  out.set_state(static_cast<v1::SourceState>(source.state));
  out.set_detail(source.detail);
  out.set_restarts(source.restarts);
  out.set_observed(source.observed);
  if (source.last_event_time.has_value()) {
    *out.mutable_last_event_time() = ToTimestamp(*source.last_event_time);
  }
  if (!source.health.has_value()) return out;
  const collector::SourceHealth& health = *source.health;
  if (health.last_scan_read.has_value()) out.set_last_scan_read(*health.last_scan_read);
  if (health.last_scan_total.has_value()) out.set_last_scan_total(*health.last_scan_total);
  if (health.last_scan_duration.has_value()) {
    *out.mutable_last_scan_duration() =
        TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(*health.last_scan_duration));
  }
  return out;
}

void FillAccounting(const collector::CollectorStatistics& statistics, v1::Accounting& out) {
  out.set_observed(statistics.observed);
  out.set_published(statistics.published);
  out.set_filtered(statistics.filtered);
  out.set_notices(statistics.notices);
  for (const collector::DropCount& drop : statistics.dropped) {
    v1::DroppedCount& dropped = *out.add_dropped();
    dropped.set_stage(drop.stage);
    dropped.set_reason(drop.reason);
    dropped.set_count(drop.count);
  }
}

}  // namespace daemoneye::monitor
