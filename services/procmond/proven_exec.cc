#include "services/procmond/proven_exec.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "libs/base/mutex.h"
#include "libs/linux/bpf/process_probe.h"
#include "libs/linux/canary/canary.h"
#include "libs/linux/procfs/kernel_stat_reader.h"
#include "libs/logging/logging.h"
#include "libs/sources/process/proven_source.h"
#include "libs/sources/process/sight_proof.h"
#include "services/procmond/bus_canary_line.h"
#include "services/procmond/sight_metrics.h"

namespace daemoneye::procmond {
namespace {

std::unique_ptr<canary::Canary> MakeCanary() {
  absl::StatusOr<std::unique_ptr<canary::Canary>> made = canary::Canary::Create();
  if (made.ok()) return *std::move(made);
  logging::Warning("process-exec is proven by the kernel's count of forks alone",
                   {{"reason", made.status().ToString()}});
  return nullptr;
}

std::optional<process::SightCounts> CountsOf(const process::ExecSource& exec) {
  const std::optional<bpf::ProbeCounters> counters = exec.counters();
  if (!counters.has_value()) return std::nullopt;
  return process::SightCounts{
      .task_count = counters->task_count(),
      .lost_count =
          counters->fork.lost_count() + counters->exec.lost_count() + counters->exit.lost_count()};
}

std::unique_ptr<process::CanaryLine> MakeLine(const std::string& source,
                                              process::ProcessTracker& tracker,
                                              const monitor::MonitorContext& context) {
  return std::make_unique<BusCanaryLine>(
      BusCanaryLine::Options{
          .source = source,
          .spawn_own =
              [&tracker](const BusCanaryLine::Spawner& spawn) { return tracker.SpawnOwn(spawn); },
          .is_exec_told =
              [&tracker] {
                base::MutexLock lock(tracker.mu);
                return tracker.config.track_process_lifecycle;
              }},
      MakeCanary(), context.bus, context.clock);
}

}  // namespace

ProvenExec MakeProvenExec(std::unique_ptr<process::ExecSource> exec, const procfs::ProcFs& fs,
                          process::ProcessTracker& tracker,
                          const monitor::MonitorContext& context) {
  const std::string name(exec->descriptor().name);
  ProvenExec out;
  out.line = MakeLine(name, tracker, context);
  const process::ExecSource& source = *exec;
  const auto stat = std::make_shared<procfs::KernelStatReader>(fs);
  auto proven = std::make_unique<process::ProvenSource>(
      std::move(exec),
      process::SightInputs{.source = name,
                           .counts = [&source] { return CountsOf(source); },
                           .kernel_tasks = [stat]() -> std::optional<uint64_t> {
                             const absl::StatusOr<procfs::KernelStat> read = stat->Read();
                             if (!read.ok()) return std::nullopt;
                             return read->processes_started_count;
                           },
                           .line = *out.line,
                           .on_canary = AddCanaryLatency(context.metrics, name),
                           .on_unseen = [&tracker] { tracker.live.RequestScan(); }},
      context.clock);
  process::ProvenSource& proof = *proven;
  out.metrics = AddSightMetrics(context.metrics, name, [&proof] { return proof.statistics(); });
  out.source = std::move(proven);
  return out;
}

}  // namespace daemoneye::procmond
