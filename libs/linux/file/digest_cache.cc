#include "libs/linux/file/digest_cache.h"

namespace daemoneye::file {

Digest DigestCache::Find(const procfs::FileIdentity& file) {
  base::MutexLock lock(mu_);
  const auto found = index_.find(KeyOf(file));
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void DigestCache::Add(const procfs::FileIdentity& file, Digest digest) {
  base::MutexLock lock(mu_);
  const Key key = KeyOf(file);
  if (const auto found = index_.find(key); found != index_.end()) {
    found->second->second = std::move(digest);
    return;
  }
  entries_.emplace_front(key, std::move(digest));
  index_[key] = entries_.begin();
  if (entries_.size() <= capacity_) return;
  index_.erase(entries_.back().first);
  entries_.pop_back();
  ++evicted_;
}

size_t DigestCache::size() const {
  base::MutexLock lock(mu_);
  return entries_.size();
}

uint64_t DigestCache::evicted() const {
  base::MutexLock lock(mu_);
  return evicted_;
}

}  // namespace daemoneye::file
