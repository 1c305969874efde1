// process-exec with its proof of sight: canaries over the monitor's bus, and the kernel's count of
// forks.
#pragma once

#include <memory>
#include <vector>

#include "libs/collector/event_source.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/metrics/registry.h"
#include "libs/monitor/monitor_main.h"
#include "libs/sources/process/canary_line.h"
#include "libs/sources/process/exec_source.h"
#include "libs/sources/process/process_tracker.h"

namespace daemoneye::procmond {

struct ProvenExec {
  // Outlives the source.
  std::unique_ptr<process::CanaryLine> line;
  std::unique_ptr<collector::EventSource> source;
  // Ends before the source.
  std::vector<metrics::CallbackHandle> metrics;
};

// Without canaries where memfds may not be executed, which it logs. Procfs and tracker outlive it.
ProvenExec MakeProvenExec(std::unique_ptr<process::ExecSource> exec, const procfs::ProcFs& fs,
                          process::ProcessTracker& tracker, const monitor::MonitorContext& context);

}  // namespace daemoneye::procmond
