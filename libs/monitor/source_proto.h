// Sources and their state as the API tells them.
#pragma once

#include "daemoneye/v1/monitor_service.pb.h"
#include "libs/collector/collector_statistics.h"
#include "libs/collector/source_status.h"

namespace daemoneye::monitor {

// Appends each flag of `caps`.
void AddCaps(collector::SourceCaps caps, google::protobuf::RepeatedField<int>& out);

v1::Source ToProto(const collector::SourceStatus& source);
v1::SourceHealth ToHealthProto(const collector::SourceStatus& source);

// All but the subscribers.
void FillAccounting(const collector::CollectorStatistics& statistics, v1::Accounting& out);

}  // namespace daemoneye::monitor
