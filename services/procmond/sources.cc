#include "services/procmond/sources.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/status_macros.h"
#include "libs/linux/bpf/bpf_support.h"
#include "libs/linux/netlink/proc_connector.h"
#include "libs/linux/privilege/privileges.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/logging/logging.h"
#include "libs/sources/process/canary_line.h"
#include "libs/sources/process/connector_source.h"
#include "libs/sources/process/exec_source.h"
#include "libs/sources/process/executable_hasher.h"
#include "libs/sources/process/process_task_handler.h"
#include "libs/sources/process/process_tracker.h"
#include "libs/sources/process/scan_source.h"
#include "services/procmond/proven_exec.h"
#include "services/procmond/scan_metrics.h"
#include "services/procmond/source_choice.h"

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

SourceSettings MakeSourceSettings(const config::Config& config) {
  return {.sources = config.GetList("sources"),
          .enable_event_driven = config.GetBool("enable_event_driven")};
}

// OK, or why the proc connector cannot be used. Without its name in `sources` nothing is tried: it
// is not proven to see, as process-exec is.
absl::Status CheckConnector(const config::Config& config) {
  const std::vector<std::string>& sources = config.GetList("sources");
  if (std::ranges::count(sources, "connector") == 0) {
    return absl::UnimplementedError("used where sources names connector");
  }
  return netlink::ProcConnector::Open({}).status();
}

// Which sources run, and which better one does not and why, in the log and in GetStatus.
SourceChoice TellSources(const config::Config& config, monitor::MonitorParts& parts) {
  const SourceSituation situation = {.bpf = bpf::ReadBpfSupport(),
                                     .connector = CheckConnector(config)};
  SourceChoice choice = ChooseSources(MakeSourceSettings(config), situation);
  for (const SourceChoice::NotUsed& source : choice.not_used) {
    parts.unused_sources.push_back({std::string(source.source), source.why, source.is_missed});
  }
  logging::Info("process sources",
                {{"used", choice.UsedText()}, {"not_used", choice.NotUsedText()}});
  return choice;
}

// What the process lacks, in the log and in GetStatus.
absl::Status TellLimits(monitor::MonitorParts& parts) {
  ASSIGN_OR_RETURN(const privilege::Privileges now, privilege::ReadPrivileges());
  parts.limits = LimitsOf(now.effective);
  for (const std::string& limit : parts.limits) logging::Warning("limited", {{"by", limit}});
  return absl::OkStatus();
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
  return MakeProcessConfig(config).Validate();
}

privilege::CapabilitySet CapabilitiesOf(const config::Config& config) {
  return NeededCapabilities(MakeSourceSettings(config), bpf::ReadBpfSupport());
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
  const SourceChoice choice = TellSources(context.config, parts);
  RETURN_IF_ERROR(TellLimits(parts));
  if (choice.Uses(kExecSource)) {
    ProvenExec exec = MakeProvenExec(std::make_unique<process::ExecSource>(
                                         *shared->tracker, config.kernel_ring_bytes, context.clock),
                                     shared->fs, *shared->tracker, context);
    shared->line = std::move(exec.line);
    parts.sources.push_back(std::move(exec.source));
    parts.metrics = std::move(exec.metrics);
  }
  if (choice.Uses(kConnectorSource)) {
    parts.sources.push_back(std::make_unique<process::ConnectorSource>(
        *shared->tracker, config.kernel_ring_bytes, context.clock));
  }
  parts.shared = shared;
  parts.database = context.config.GetString("database");
  std::ranges::move(
      AddScanMetrics(context.metrics, source, shared->tracker->text_counts, shared->fs),
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
