#include "services/procmond/scan_metrics.h"

#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "libs/linux/procfs/kernel_stat_reader.h"

namespace daemoneye::procmond {
namespace {

using base::MutexLock;
using metrics::MetricType;
using process::ScanStatistics;

// The kernel's own count of processes that began; scrapes may come at the same time.
class ForkCount {
 public:
  explicit ForkCount(const procfs::ProcFs& fs) : reader_(fs) {}

  double Read() {
    MutexLock lock(mu_);
    const absl::StatusOr<procfs::KernelStat> stat = reader_.Read();
    if (stat.ok()) last_ = stat->processes_started_count;
    return static_cast<double>(last_);
  }

 private:
  base::Mutex mu_;
  procfs::KernelStatReader reader_ GUARDED_BY(mu_);
  uint64_t last_ GUARDED_BY(mu_) = 0;
};

}  // namespace

std::vector<metrics::CallbackHandle> AddScanMetrics(metrics::Registry& registry,
                                                    const process::ScanSource& source,
                                                    const process::TextCounts& texts,
                                                    const procfs::ProcFs& fs) {
  std::vector<metrics::CallbackHandle> handles;
  const auto add = [&](const char* name, const char* help, MetricType type,
                       double (*value)(const ScanStatistics&)) {
    handles.push_back(registry.AddCallback(
        name, help, type,
        std::function<double()>([&source, value] { return value(source.statistics()); })));
  };
  add("scan_duration_seconds", "How long the last scan took.", MetricType::kGauge,
      [](const ScanStatistics& s) { return absl::ToDoubleSeconds(s.last_duration); });
  add("scans_total", "Scans that ended.", MetricType::kCounter,
      [](const ScanStatistics& s) { return static_cast<double>(s.scans); });
  add("scan_processes", "Processes that the last scan read.", MetricType::kGauge,
      [](const ScanStatistics& s) { return static_cast<double>(s.last_read); });
  add("tracked_processes", "Processes whose details are held.", MetricType::kGauge,
      [](const ScanStatistics& s) { return static_cast<double>(s.tracked); });
  add("tracked_bytes", "Memory that those details take.", MetricType::kGauge,
      [](const ScanStatistics& s) { return static_cast<double>(s.tracked_bytes); });
  add("tracked_evicted_total", "Processes whose details were given up because a bound was hit.",
      MetricType::kCounter, [](const ScanStatistics& s) { return static_cast<double>(s.evicted); });
  add("processes_vanished_total", "Processes that ended while they were read.",
      MetricType::kCounter,
      [](const ScanStatistics& s) { return static_cast<double>(s.vanished); });
  add("processes_unreadable_total", "Processes whose files were not what the kernel writes.",
      MetricType::kCounter,
      [](const ScanStatistics& s) { return static_cast<double>(s.unreadable); });
  handles.push_back(registry.AddCallback(
      "redactions_total", "Secrets taken out of command lines.", MetricType::kCounter,
      std::function<double()>([&texts] { return static_cast<double>(texts.redactions); })));
  handles.push_back(registry.AddCallback(
      "events_truncated_total", "Texts cut at their bound, by field.", MetricType::kCounter,
      std::function<void(const metrics::SampleSink&)>([&texts](const metrics::SampleSink& sink) {
        sink({{"field", "command_line"}}, static_cast<double>(texts.truncated_command_lines));
        sink({{"field", "text"}}, static_cast<double>(texts.truncated_texts));
      })));
  const auto forks = std::make_shared<ForkCount>(fs);
  handles.push_back(registry.AddCallback(
      "kernel_forks_total",
      "Processes and threads that the kernel says it began since boot (/proc/stat).",
      MetricType::kCounter, std::function<double()>([forks] { return forks->Read(); })));
  return handles;
}

}  // namespace daemoneye::procmond
