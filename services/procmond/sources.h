// The table of procmond's event sources.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/config/config.h"
#include "libs/linux/privilege/capability_set.h"
#include "libs/monitor/monitor_main.h"
#include "libs/sources/process/process_source_config.h"

namespace daemoneye::procmond {

// What the settings say of watching processes.
process::ProcessSourceConfig MakeProcessConfig(const config::Config& config);

// InvalidArgument: settings that this build cannot serve.
absl::Status CheckSources(const config::Config& config);

// The capabilities that the sources which the settings allow can need here.
privilege::CapabilitySet CapabilitiesOf(const config::Config& config);

// FailedPrecondition: /proc cannot be used.
absl::StatusOr<monitor::MonitorParts> MakeSources(const monitor::MonitorContext& context);

}  // namespace daemoneye::procmond
