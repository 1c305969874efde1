// DigestCache: digests by what identifies the content of a file, the least recently used ones
// forgotten.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "libs/base/mutex.h"
#include "libs/linux/procfs/proc_links.h"

namespace daemoneye::file {

// Lower-case hexadecimal SHA-256, shared by all that have the file; null: not known.
using Digest = std::shared_ptr<const std::string>;

class DigestCache {
 public:
  explicit DigestCache(size_t capacity) : capacity_(capacity) {}

  Digest Find(const procfs::FileIdentity& file);
  void Add(const procfs::FileIdentity& file, Digest digest);
  size_t size() const;
  // How many were forgotten because the bound was hit.
  uint64_t evicted() const;

 private:
  // Device, inode, size, mtime, ctime.
  using Key = std::tuple<uint64_t, uint64_t, uint64_t, int64_t, int64_t>;
  using Entries = std::list<std::pair<Key, Digest>>;

  static Key KeyOf(const procfs::FileIdentity& file) {
    return {file.device, file.inode, file.size_bytes, file.mtime_ns, file.ctime_ns};
  }

  const size_t capacity_;
  mutable base::Mutex mu_;
  uint64_t evicted_ GUARDED_BY(mu_) = 0;
  Entries entries_ GUARDED_BY(mu_);  // the most recently used first
  absl::flat_hash_map<Key, Entries::iterator> index_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::file
