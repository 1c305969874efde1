#include "services/binary_hasher/hash_analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/linux/procfs/process_reader.h"
#include "services/binary_hasher/hash_result.h"
#include "services/binary_hasher/running_image.h"

namespace daemoneye::hasher {
namespace {

using analysis_server::AnalysisWork;

constexpr uint32_t kMaxPid = std::numeric_limits<pid_t>::max();
constexpr char kExpected[] = "expected_sha256";

// The key of the process that is asked about: the target's own, or that of the event about the same
// pid. Empty: only a pid is known.
const std::string& ProcessKeyOf(const v1::AnalyzeRequest& request) {
  const v1::AnalysisTarget& target = request.target();
  const v1::ProcessEvent& process = request.context().event().process();
  if (target.process_key().empty() && target.has_pid() && process.pid() == target.pid() &&
      event::ParseProcessKey(process.process_key()).has_value()) {
    return process.process_key();
  }
  return target.process_key();
}

bool IsProcess(const v1::AnalysisTarget& target) {
  return !target.process_key().empty() || target.has_pid();
}

Expectation Expected(const v1::AnalyzeRequest& request, const Baseline& baseline,
                     const std::string& path) {
  const auto& parameters = request.context().parameters();
  if (const auto parameter = parameters.find(kExpected); parameter != parameters.end()) {
    std::string digest = parameter->second;
    std::ranges::transform(digest, digest.begin(), [](char c) {
      return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return {.digests = {std::move(digest)}, .source = "parameter"};
  }
  const std::vector<std::string>* listed = path.empty() ? nullptr : baseline.Find(path);
  if (listed == nullptr) return {};
  return {.digests = *listed, .source = "file"};
}

constexpr char kChanged[] = "the file changed while it was read";

}  // namespace

struct HashAnalysis::Settings {
  explicit Settings(HashSettings s) : files(std::move(s.roots)), baseline(std::move(s.baseline)) {}

  const file::AllowedFiles files;
  const Baseline baseline;
};

absl::StatusOr<std::unique_ptr<HashAnalysis>> HashAnalysis::Create(
    std::string host, const procfs::ProcFs& fs, file::FileHasher& hasher,
    const file::HashLimits& limits, base::Clock& clock, HashSettings settings) {
  std::unique_ptr<HashAnalysis> made(new HashAnalysis(std::move(host), fs, hasher, limits, clock));
  ASSIGN_OR_RETURN(made->space_,
                   event::MakeProcessKeySpace(fs.boot_id(), fs.pid_namespace_inode()));
  made->SetSettings(std::move(settings));
  return made;
}

void HashAnalysis::SetSettings(HashSettings settings) {
  auto made = std::make_shared<const Settings>(std::move(settings));
  base::MutexLock lock(mu_);
  settings_ = std::move(made);
}

std::shared_ptr<const HashAnalysis::Settings> HashAnalysis::settings() const {
  base::MutexLock lock(mu_);
  return settings_;
}

absl::Status HashAnalysis::Check(const v1::AnalyzeRequest& request) const {
  const v1::AnalysisTarget& target = request.target();
  if (!target.process_key().empty() && !event::ParseProcessKey(target.process_key()).has_value()) {
    return absl::InvalidArgumentError(
        "target.process_key: is no process key as ProcessEvent.process_key tells it");
  }
  if (target.has_pid() && (target.pid() == 0 || target.pid() > kMaxPid)) {
    return absl::InvalidArgumentError(fmt::format("target.pid: is not 1 to {}", kMaxPid));
  }
  const auto& parameters = request.context().parameters();
  const auto expected = parameters.find(kExpected);
  if (expected != parameters.end() && !IsSha256(expected->second)) {
    return absl::InvalidArgumentError(
        "context.parameters[\"expected_sha256\"]: is not 64 hexadecimal digits");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::AnalysisResult> HashAnalysis::Analyze(const AnalysisWork& work) {
  const v1::AnalysisTarget& target = work.request.target();
  if (!target.host().empty() && target.host() != host_) return file::NoSuchTarget();
  const auto settings = this->settings();
  if (!IsProcess(target)) return AnalyzeFile(work, *settings);
  const std::string& text = ProcessKeyOf(work.request);
  const auto parsed = event::ParseProcessKey(text);
  const event::ProcessKey key =
      parsed.value_or(event::ProcessKey{.space = space_, .pid = target.pid()});
  const bool is_ours = key.space == space_ && key.pid != 0 && key.pid <= kMaxPid &&
                       (!target.has_pid() || target.pid() == key.pid);
  if (!is_ours) return file::NoSuchTarget();
  return AnalyzeProcess(work, *settings, key, parsed.has_value());
}

absl::StatusOr<v1::AnalysisResult> HashAnalysis::AnalyzeProcess(const AnalysisWork& work,
                                                                const Settings& settings,
                                                                const event::ProcessKey& key,
                                                                bool has_ticks) {
  absl::StatusOr<RunningImage> image =
      RunningImage::Open(fs_, key.pid, has_ticks ? std::optional(key.start_ticks) : std::nullopt);
  if (!image.ok()) {
    const bool may_come =
        absl::IsResourceExhausted(image.status()) || absl::IsUnavailable(image.status());
    return may_come ? image.status() : file::NoSuchTarget();
  }
  event::ProcessKey found = key;
  found.start_ticks = image->start_ticks();
  // Asked for while it still runs: of a process that has ended neither can be told.
  const bool is_listed = !image->is_memfd() && image->HasPathsOfHost();
  ProcessFindings process{.process_key = event::FormatProcessKey(found),
                          .pid = key.pid,
                          .is_memfd = image->is_memfd(),
                          .on_disk = image->LookOnDisk(),
                          .on_disk_sha256 = {}};
  Findings findings;
  findings.path = image->path();
  findings.expected =
      Expected(work.request, settings.baseline, is_listed ? image->path() : std::string());
  ASSIGN_OR_RETURN(findings.hash, Hash(image->fd(), work));
  if (findings.hash.digest == nullptr) findings.doubts.emplace_back(kChanged);
  if (process.on_disk == OnDisk::kReplaced && is_listed) {
    process.on_disk_sha256 = Sha256Below(settings, image->path(), work);
  }
  const ImageState state = image->Now();
  process.is_running = state == ImageState::kRuns;
  if (state == ImageState::kOther) {
    findings.doubts.emplace_back("the process began another program meanwhile");
  }
  findings.process = std::move(process);
  return MakeHashResult(findings);
}

std::string HashAnalysis::Sha256Below(const Settings& settings, const std::string& path,
                                      const AnalysisWork& work) {
  const auto fd = settings.files.Open(path);
  if (!fd.ok()) return "";
  const auto hash = Hash(*fd, work);
  return hash.ok() && hash->digest != nullptr ? *hash->digest : "";
}

absl::StatusOr<v1::AnalysisResult> HashAnalysis::AnalyzeFile(const AnalysisWork& work,
                                                             const Settings& settings) {
  const std::string& path = work.request.target().path();
  ASSIGN_OR_RETURN(const base::UniqueFd fd, settings.files.Open(path));
  Findings findings;
  ASSIGN_OR_RETURN(findings.hash, Hash(fd, work));
  findings.path = path;
  findings.expected = Expected(work.request, settings.baseline, path);
  if (findings.hash.digest == nullptr) findings.doubts.emplace_back(kChanged);
  // What stands there now may be another file than the one that was hashed.
  const auto again = settings.files.Open(path);
  const auto now = again.ok() ? procfs::ProcessReader::StatOpen(*again)
                              : absl::StatusOr<procfs::FileIdentity>(again.status());
  if (!now.ok() || !(*now == findings.hash.identity)) {
    findings.doubts.emplace_back("another file stands there now");
  }
  return MakeHashResult(findings);
}

absl::StatusOr<file::FileHash> HashAnalysis::Hash(const base::UniqueFd& fd,
                                                  const AnalysisWork& work) {
  file::HashLimits limits = limits_;
  limits.max_time = std::min(limits.max_time, base::Elapsed(clock_.MonotonicNow(), work.deadline));
  file::FileHash hash = hasher_.Hash(fd, limits, work.stop);
  switch (hash.outcome) {
    case file::HashOutcome::kHashed:
    case file::HashOutcome::kChanged:
      return hash;
    case file::HashOutcome::kTooLarge:
      return absl::ResourceExhaustedError(fmt::format(
          "the file has more than max_file_size, which is {} bytes", limits.max_file_bytes));
    case file::HashOutcome::kTooSlow:
      return absl::DeadlineExceededError("hashing the file took too long");
    case file::HashOutcome::kStopped:
      return absl::CancelledError("cancelled");
    case file::HashOutcome::kUnreadable:
      return absl::UnavailableError("the file cannot be read now");
  }
  return hash;
}

}  // namespace daemoneye::hasher
