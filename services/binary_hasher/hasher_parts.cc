#include "services/binary_hasher/hasher_parts.h"

#include <functional>
#include <memory>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/linux/file/file_hasher.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/process_reader.h"
#include "libs/logging/logging.h"
#include "services/binary_hasher/hash_analysis.h"
#include "services/binary_hasher/hasher_options.h"

namespace daemoneye::hasher {
namespace {

// The analysis, and what it borrows.
class Hasher final : public analysis_server::Analysis {
 public:
  static absl::StatusOr<std::unique_ptr<Hasher>> Create(
      const analysis_server::AnalyzerContext& context) {
    const config::Config& config = context.config;
    ASSIGN_OR_RETURN(procfs::ProcFs fs, procfs::ProcFs::Open("/proc"));
    ASSIGN_OR_RETURN(HashSettings settings, ReadHashSettings(config));
    std::unique_ptr<Hasher> made(new Hasher(
        std::move(fs), static_cast<size_t>(config.GetInt("cache_entries")), context.clock));
    const file::HashLimits limits{.max_file_bytes = config.GetBytes("max_file_size"),
                                  .max_time = config.GetDuration("max_hash_time")};
    ASSIGN_OR_RETURN(made->analysis_,
                     HashAnalysis::Create(context.host, made->fs_, made->hasher_, limits,
                                          context.clock, std::move(settings)));
    return made;
  }

  absl::Status Check(const v1::AnalyzeRequest& request) const override {
    return analysis_->Check(request);
  }
  absl::StatusOr<v1::AnalysisResult> Analyze(const analysis_server::AnalysisWork& work) override {
    return analysis_->Analyze(work);
  }
  void SetSettings(HashSettings settings) { analysis_->SetSettings(std::move(settings)); }
  const file::FileHasher& hasher() const { return hasher_; }
  const procfs::ProcFs& fs() const { return fs_; }

 private:
  Hasher(procfs::ProcFs fs, size_t cache_entries, base::Clock& clock)
      : fs_(std::move(fs)), hasher_(cache_entries, clock) {}

  const procfs::ProcFs fs_;
  file::FileHasher hasher_;
  std::unique_ptr<HashAnalysis> analysis_;
};

std::vector<metrics::CallbackHandle> AddMetrics(metrics::Registry& registry,
                                                const file::FileHasher& hasher) {
  std::vector<metrics::CallbackHandle> handles;
  const auto add = [&](const char* name, const char* help, metrics::MetricType type,
                       std::function<uint64_t(const file::HashStatistics&)> value) {
    handles.push_back(
        registry.AddCallback(name, help, type, std::function<double()>([&hasher, value] {
                               return static_cast<double>(value(hasher.statistics()));
                             })));
  };
  using metrics::MetricType;
  using Statistics = file::HashStatistics;
  add("hashed_bytes_total", "Bytes that were read and hashed.", MetricType::kCounter,
      [](const Statistics& s) { return s.hashed_bytes; });
  add("hash_cache_hits_total", "Files whose digest was known.", MetricType::kCounter,
      [](const Statistics& s) { return s.cache_hits; });
  add("hash_cache_misses_total", "Files whose digest was not known.", MetricType::kCounter,
      [](const Statistics& s) { return s.cache_misses; });
  add("hash_cache_evicted_total", "Digests forgotten because cache_entries was reached.",
      MetricType::kCounter, [](const Statistics& s) { return s.cache_evicted; });
  add("hash_cache_entries", "Digests that are known.", MetricType::kGauge,
      [](const Statistics& s) { return s.cache_entries; });
  return handles;
}

// Said once, where an operator looks when answers are missing.
void TellPrivileges(const procfs::ProcFs& fs) {
  procfs::ProcessReader reader(fs);
  if (reader.Select(1).ok() && absl::IsPermissionDenied(reader.OpenExe().status())) {
    logging::Info("processes of other users are no targets", {{"needs", "CAP_SYS_PTRACE"}});
  }
}

}  // namespace

absl::StatusOr<analysis_server::AnalyzerParts> MakeHasherParts(
    const analysis_server::AnalyzerContext& context) {
  ASSIGN_OR_RETURN(std::unique_ptr<Hasher> hasher, Hasher::Create(context));
  TellPrivileges(hasher->fs());
  analysis_server::AnalyzerParts parts;
  parts.types = {v1::ANALYSIS_TYPE_BINARY_HASH};
  parts.is_bound_to_host = true;
  parts.max_target_bytes = context.config.GetBytes("max_file_size");
  parts.metrics = AddMetrics(context.metrics, hasher->hasher());
  parts.reload = [&hasher = *hasher](const config::Config& config) -> absl::Status {
    ASSIGN_OR_RETURN(HashSettings settings, ReadHashSettings(config));
    hasher.SetSettings(std::move(settings));
    return absl::OkStatus();
  };
  parts.analysis = std::move(hasher);
  return parts;
}

}  // namespace daemoneye::hasher
