#include "services/procmond/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libs/base/status_macros.h"
#include "libs/linux/bpf/bpf_support.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/logging/logging.h"
#include "libs/sources/process/canary_line.h"
#include "libs/sources/process/exec_source.h"
#include "libs/sources/process/executable_hasher.h"
#include "libs/sources/process/process_task_handler.h"
#include "libs/sources/process/process_tracker.h"
#include "libs/sources/process/scan_source.h"
#include "services/procmond/proven_exec.h"
#include "services/procmond/scan_metrics.h"

namespace daemoneye::procmond {
namespace {

// What the sources and tasks share, and what outlives them.
struct Shared {
  explicit Shared(procfs::ProcFs procfs) : fs(std::move(procfs)) {}

  procfs::ProcFs fs;
  std::unique_ptr<process::ExecutableHasher> hasher;
  std::unique_ptr<process::ProcessTracker> tracker;
  std::unique_ptr<process::CanaryLine> line;
};

process::SamplePolicy ParseSamples(const std::string& text) {
  if (text == "all") return process::SamplePolicy::kAll;
  return text == "none" ? process::SamplePolicy::kNone : process::SamplePolicy::kChanged;
}

}  // namespace

process::ProcessSourceConfig MakeProcessConfig(const config::Config& config) {
  process::ProcessSourceConfig out;
  out.collection_interval = config.GetDuration("collection_interval");
  out.collect_enhanced_metadata = config.GetBool("collect_enhanced_metadata");
  out.max_processes_per_cycle = static_cast<size_t>(config.GetInt("max_processes_per_cycle"));
  out.compute_executable_hashes = config.GetBool("compute_executable_hashes");
  out.track_process_lifecycle = config.GetBool("track_process_lifecycle");
  out.detect_suspicious_events = config.GetBool("detect_suspicious_events");
  out.samples = ParseSamples(config.GetString("samples"));
  out.redact_command_lines = config.GetBool("redact");
  out.kernel_ring_bytes = static_cast<size_t>(config.GetBytes("kernel_ring_bytes"));
  return out;
}

absl::Status CheckSources(const config::Config& config) {
  for (const std::string& source : config.GetList("sources")) {
    if (source == "connector") {
      return absl::InvalidArgumentError(
          fmt::format("sources: {} is not in this version; use auto, exec or scan", source));
    }
  }
  return MakeProcessConfig(config).Validate();
}

absl::StatusOr<monitor::MonitorParts> MakeSources(const monitor::MonitorContext& context) {
  ASSIGN_OR_RETURN(procfs::ProcFs fs, procfs::ProcFs::Open("/proc"));
  const auto shared = std::make_shared<Shared>(std::move(fs));
  const process::ProcessSourceConfig config = MakeProcessConfig(context.config);
  shared->hasher = std::make_unique<process::ExecutableHasher>(
      shared->fs,
      process::HashLimits{.max_file_bytes = config.max_hash_file_bytes,
                          .max_time = config.max_hash_time},
      context.clock);

  shared->tracker =
      std::make_unique<process::ProcessTracker>(shared->fs, config, *shared->hasher, context.clock);
  auto scan = std::make_unique<process::ScanSource>(
      *shared->tracker, process::ScanSource::Reader::kAuto, context.clock);
  process::ScanSource& source = *scan;

  monitor::MonitorParts parts;
  const std::vector<std::string> wanted = context.config.GetList("sources");
  const auto is_wanted = [&](std::string_view name) {
    return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  };
  const absl::Status support = bpf::ReadBpfSupport().Check();
  const bool has_exec = context.config.GetBool("enable_event_driven") &&
                        (is_wanted("exec") || (is_wanted("auto") && support.ok()));
  if (has_exec) {
    ProvenExec exec = MakeProvenExec(std::make_unique<process::ExecSource>(
                                         *shared->tracker, config.kernel_ring_bytes, context.clock),
                                     shared->fs, *shared->tracker, context);
    shared->line = std::move(exec.line);
    parts.sources.push_back(std::move(exec.source));
    parts.metrics = std::move(exec.metrics);
  }
  logging::Info("process sources",
                {{"used", has_exec ? "process-exec, process-scan" : "process-scan"},
                 {"bpf", support.ToString()}});
  parts.shared = shared;
  parts.database = context.config.GetString("database");
  std::ranges::move(AddScanMetrics(context.metrics, source, shared->fs),
                    std::back_inserter(parts.metrics));
  parts.sources.push_back(std::move(scan));
  parts.tasks.push_back(std::make_unique<process::ProcessTaskHandler>(
      shared->fs, config, *shared->hasher, context.clock));
  parts.reload = [&source](const config::Config& reloaded) {
    return source.Reconfigure(MakeProcessConfig(reloaded));
  };
  parts.complete_snapshot = [&source](v1::SnapshotComplete& complete) {
    const process::ScanStatistics statistics = source.statistics();
    complete.set_read(statistics.last_read);
    complete.set_total(statistics.last_total);
  };
  return parts;
}

}  // namespace daemoneye::procmond
