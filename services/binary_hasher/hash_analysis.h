// HashAnalysis: ANALYSIS_TYPE_BINARY_HASH: the SHA-256 of what a process runs, or of a file, and
// whether it is what it should be.
//
// A process is hashed by the descriptor of its image, never by a path; a file by a descriptor that
// was opened once, below the allowed roots. Where the answer might not be about the target it is
// not authoritative, and tells no verdict. What there is not and what may not be looked at have the
// same answer.
//
// Threads:    any.
// Ownership:  borrows procfs, hasher and clock, which outlive it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/analysis_server/analysis.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/event/process_key.h"
#include "libs/linux/file/allowed_files.h"
#include "libs/linux/file/file_hasher.h"
#include "libs/linux/procfs/proc_fs.h"
#include "services/binary_hasher/baseline.h"

namespace daemoneye::hasher {

// What an operator may change while it runs.
struct HashSettings {
  std::vector<std::string> roots;
  Baseline baseline;
};

class HashAnalysis final : public analysis_server::Analysis {
 public:
  // `host` is this host's name. InvalidArgument: the procfs tells no boot id.
  static absl::StatusOr<std::unique_ptr<HashAnalysis>> Create(
      std::string host, const procfs::ProcFs& fs, file::FileHasher& hasher,
      const file::HashLimits& limits, base::Clock& clock, HashSettings settings);

  void SetSettings(HashSettings settings);

  absl::Status Check(const v1::AnalyzeRequest& request) const override;
  absl::StatusOr<v1::AnalysisResult> Analyze(const analysis_server::AnalysisWork& work) override;

 private:
  struct Settings;

  HashAnalysis(std::string host, const procfs::ProcFs& fs, file::FileHasher& hasher,
               const file::HashLimits& limits, base::Clock& clock)
      : host_(std::move(host)), fs_(fs), hasher_(hasher), limits_(limits), clock_(clock) {}

  absl::StatusOr<v1::AnalysisResult> AnalyzeProcess(const analysis_server::AnalysisWork& work,
                                                    const Settings& settings,
                                                    const event::ProcessKey& key, bool has_ticks);
  absl::StatusOr<v1::AnalysisResult> AnalyzeFile(const analysis_server::AnalysisWork& work,
                                                 const Settings& settings);
  // The hash of a file below the roots; empty: there is none.
  std::string Sha256Below(const Settings& settings, const std::string& path,
                          const analysis_server::AnalysisWork& work);
  // Of what is open; the limits' errors.
  absl::StatusOr<file::FileHash> Hash(const base::UniqueFd& fd,
                                      const analysis_server::AnalysisWork& work);
  std::shared_ptr<const Settings> settings() const;

  const std::string host_;
  const procfs::ProcFs& fs_;
  file::FileHasher& hasher_;
  const file::HashLimits limits_;
  base::Clock& clock_;
  event::ProcessKeySpace space_;
  mutable base::Mutex mu_;
  std::shared_ptr<const Settings> settings_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::hasher
