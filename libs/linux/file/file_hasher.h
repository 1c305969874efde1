// FileHasher: SHA-256 of open files, by OpenSSL: the one place where a file is hashed.
//
// The file is looked at before and after, so that no digest is told of bytes that never were a
// file together. Digests are kept by what identifies a file's content, so a file is read once; not
// those of a file that changed just before, since a coarse file clock could hide the next change.
//
// Threads:    any; Hash reads on the caller's. A read may block on a FUSE or network file system.
// Ownership:  borrows the clock, which outlives it.
// Cost:       1.0 times what `openssl dgst -sha256` takes (tools/bench); 256 KiB while it reads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/file/digest_cache.h"
#include "libs/linux/procfs/proc_links.h"

namespace daemoneye::file {

struct HashLimits {
  uint64_t max_file_bytes = 512 << 20;
  absl::Duration max_time = absl::Seconds(10);
};

enum class HashOutcome {
  kHashed,
  kTooLarge,
  kTooSlow,
  // The caller's stop.
  kStopped,
  // It changed while it was read.
  kChanged,
  // No regular file, or an error of its device.
  kUnreadable,
};

struct FileHash {
  HashOutcome outcome = HashOutcome::kUnreadable;
  // As it was before it was read.
  procfs::FileIdentity identity;
  Digest digest;  // null unless kHashed
  bool is_from_cache = false;
};

struct HashStatistics {
  uint64_t hashed_bytes = 0;
  uint64_t cache_hits = 0;
  uint64_t cache_misses = 0;
  uint64_t cache_evicted = 0;
  size_t cache_entries = 0;
};

class FileHasher {
 public:
  FileHasher(size_t cache_entries, base::Clock& clock) : clock_(clock), cache_(cache_entries) {}

  // The digest of a file where it is known. Counts nothing.
  Digest Find(const procfs::FileIdentity& file) { return cache_.Find(file); }

  // Hashes the whole file that `fd`, open for reading, refers to; its offset is neither used nor
  // moved. The limits are looked at between chunks.
  FileHash Hash(const base::UniqueFd& fd, const HashLimits& limits, const std::stop_token& stop);

  HashStatistics statistics() const;

 private:
  base::Clock& clock_;
  DigestCache cache_;
  std::atomic<uint64_t> hashed_bytes_ = 0;
  std::atomic<uint64_t> cache_hits_ = 0;
  std::atomic<uint64_t> cache_misses_ = 0;
};

}  // namespace daemoneye::file
