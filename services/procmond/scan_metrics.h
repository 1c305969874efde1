// What procmond's scans count, on the Prometheus page.
#pragma once

#include <vector>

#include "libs/linux/procfs/proc_fs.h"
#include "libs/metrics/registry.h"
#include "libs/sources/process/scan_source.h"
#include "libs/sources/process/text_counts.h"

namespace daemoneye::procmond {

// Registers them; they last as long as what is returned, which the arguments outlive.
[[nodiscard]] std::vector<metrics::CallbackHandle> AddScanMetrics(metrics::Registry& registry,
                                                                  const process::ScanSource& source,
                                                                  const process::TextCounts& texts,
                                                                  const procfs::ProcFs& fs);

}  // namespace daemoneye::procmond
