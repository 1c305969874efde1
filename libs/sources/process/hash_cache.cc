#include "libs/sources/process/hash_cache.h"

namespace daemoneye::process {

Digest HashCache::Find(const procfs::FileIdentity& file) {
  base::MutexLock lock(mu_);
  const auto found = index_.find(KeyOf(file));
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void HashCache::Add(const procfs::FileIdentity& file, Digest digest) {
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
}

size_t HashCache::size() const {
  base::MutexLock lock(mu_);
  return entries_.size();
}

}  // namespace daemoneye::process
